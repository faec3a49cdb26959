package io.pilus.policy.document;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.pilus.policy.enforcement.Enforcement;
import io.pilus.policy.rule.Findings.Finding;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a write did, as clients see it.
 *
 * @param outcome {@code created}, {@code updated}, {@code unchanged} or {@code deleted}
 * @param revision of the document, or of its deletion
 * @param selected to whom the document applies, where that was asked
 * @param compiledAt the revision at which nodes see the change; absent while it is not compiled, or nobody waits
 * @param enforced the nodes that have it in their kernel
 * @param pending the nodes that have not yet
 * @param silent the nodes that have not, and from which nothing is heard
 * @param refusing the nodes that cannot
 */
@JsonInclude(JsonInclude.Include.NON_EMPTY)
record ChangeView(
        String kind,
        String namespace,
        String name,
        String outcome,
        long revision,
        List<Finding> warnings,
        @Nullable Selected selected,
        @Nullable Long compiledAt,
        @Nullable List<String> enforced,
        @Nullable List<String> pending,
        @Nullable List<Enforcement.Silent> silent,
        @Nullable List<Enforcement.Refusing> refusing) {

    /**
     * @param identities how many
     * @param examples the first of them
     */
    record Selected(int identities, List<Example> examples) {}

    record Example(int identity, String namespace, Map<String, String> labels) {}

    static ChangeView of(DocumentService.Change change, @Nullable Selected selected, @Nullable Enforcement state) {
        return new ChangeView(
                change.name().kind(),
                change.name().namespace(),
                change.name().name(),
                change.outcome().name().toLowerCase(Locale.ROOT),
                change.revision(),
                change.warnings(),
                selected,
                state == null ? null : state.compiledAt(),
                state == null ? null : state.enforced(),
                state == null ? null : state.pending(),
                state == null ? null : state.silent(),
                state == null ? null : state.refusing());
    }
}

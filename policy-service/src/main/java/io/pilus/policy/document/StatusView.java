package io.pilus.policy.document;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.pilus.policy.enforcement.Enforcement;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How far a document has come.
 *
 * @param state {@code enforced} when all nodes concerned have it in their kernel, else {@code pending}
 * @param compiledAt the revision at which nodes see it; absent while it is not compiled
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record StatusView(
        long revision,
        String state,
        @Nullable Long compiledAt,
        List<String> enforced,
        List<String> pending,
        List<Enforcement.Silent> silent,
        List<Enforcement.Refusing> refusing) {

    static StatusView of(long revision, Enforcement state) {
        return new StatusView(
                revision,
                state.isComplete() ? "enforced" : "pending",
                state.compiledAt(),
                state.enforced(),
                state.pending(),
                state.silent(),
                state.refusing());
    }
}

package io.pilus.policy.source;

import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.rule.Findings.Finding;
import io.pilus.policy.rule.Policy;
import java.util.List;

/**
 * A document that was found right.
 *
 * @param source as it will be stored
 * @param warnings what its author may not have meant
 */
public record ParsedDocument(Policy policy, byte[] source, List<Finding> warnings) {

    public ParsedDocument {
        warnings = List.copyOf(warnings);
    }

    public DocumentName name() {
        return policy.name();
    }
}

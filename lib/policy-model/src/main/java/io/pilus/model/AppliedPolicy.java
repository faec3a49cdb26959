package io.pilus.model;

import io.pilus.contract.v1.CompiledPolicy;

/** One policy in a subject's list. */
public record AppliedPolicy(String policyId, CompiledPolicy policy) {

    RuleRef ref(String path) {
        return new RuleRef(policy.getKind(), policy.getNamespace(), policy.getName(), path);
    }
}

package io.pilus.policy.rule;

import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Document;

/**
 * Names a policy document.
 *
 * @param namespace empty for a cluster-wide kind
 */
public record DocumentName(String kind, String namespace, String name) {

    public static DocumentName of(Document document) {
        return new DocumentName(document.getKind(), document.getNamespace(), document.getName());
    }

    public Key<Document> key() {
        return Keys.document(kind, namespace, name);
    }

    /** As nodes name it in their reports: {@code NetworkPolicy shop/api}. */
    @Override
    public String toString() {
        return namespace.isEmpty() ? kind + " " + name : kind + " " + namespace + "/" + name;
    }
}

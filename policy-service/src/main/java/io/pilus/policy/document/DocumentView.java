package io.pilus.policy.document;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import io.pilus.contract.v1.Document;
import io.pilus.etcd.Versioned;
import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.source.Sources;

/**
 * A document as clients see it.
 *
 * @param namespace absent for a cluster-wide kind
 * @param revision of the document
 * @param document as it was applied
 */
@JsonInclude(JsonInclude.Include.NON_EMPTY)
record DocumentView(String kind, String namespace, String name, String owner, long revision, JsonNode document) {

    static DocumentView of(Versioned<Document> seen) {
        DocumentName name = DocumentName.of(seen.value());
        return new DocumentView(
                name.kind(),
                name.namespace(),
                name.name(),
                DocumentService.owner(seen.value()),
                seen.modRevision(),
                Sources.readStored(seen.value().getSource().toByteArray()));
    }
}

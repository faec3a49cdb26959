package io.pilus.policy.document;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;
import static jakarta.ws.rs.core.Response.Status.CONFLICT;
import static jakarta.ws.rs.core.Response.Status.NOT_FOUND;
import static jakarta.ws.rs.core.Response.Status.SERVICE_UNAVAILABLE;

import io.pilus.policy.rule.DocumentName;
import io.pilus.rest.ProblemException;
import java.util.Map;

/** What can be wrong with a request about documents. */
final class DocumentProblem {

    private DocumentProblem() {}

    static ProblemException notFound(DocumentName name) {
        return new ProblemException(
                "unknown-document", NOT_FOUND, "there is no %s; GET /v1/documents lists what there is".formatted(name));
    }

    static ProblemException ownedByAnother(DocumentName name, String owner) {
        return new ProblemException(
                "owned-by-another",
                CONFLICT,
                "%s is managed by %s; change it there, or delete it there first".formatted(name, owner),
                Map.of("owner", owner));
    }

    static ProblemException tooMany(int documents, int limit) {
        return new ProblemException(
                "too-many-documents",
                BAD_REQUEST,
                "%d documents in one request, and %d is the most; send several requests".formatted(documents, limit));
    }

    static ProblemException twice(DocumentName name) {
        return new ProblemException(
                "invalid-document", BAD_REQUEST, "%s is in the request twice; keep one".formatted(name));
    }

    static ProblemException empty() {
        return new ProblemException("invalid-document", BAD_REQUEST, "the body holds no document");
    }

    static ProblemException contended(DocumentName name) {
        return new ProblemException(
                "document-contended",
                SERVICE_UNAVAILABLE,
                "others changed %s at the same moment, again and again; repeat the request".formatted(name));
    }

    static ProblemException invalidParameter(String name, String value, String wanted) {
        return new ProblemException("invalid", BAD_REQUEST, "%s=%s: write %s".formatted(name, value, wanted));
    }
}

package io.pilus.policy.source;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;
import static jakarta.ws.rs.core.Response.Status.NOT_FOUND;
import static jakarta.ws.rs.core.Response.Status.REQUEST_ENTITY_TOO_LARGE;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import io.pilus.policy.rule.Findings.Finding;
import io.pilus.rest.ProblemException;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.error.Mark;

/** What can be wrong with the text of a document. */
public final class SourceProblem {

    private SourceProblem() {}

    static ProblemException malformed(String format, String what, @Nullable Mark mark) {
        return mark == null
                ? malformed(format, what, 0, 0)
                : malformed(format, what, mark.getLine() + 1, mark.getColumn() + 1);
    }

    static ProblemException malformed(String format, JsonProcessingException e) {
        JsonLocation location = e.getLocation();
        return malformed(
                format,
                e.getOriginalMessage(),
                location == null ? 0 : location.getLineNr(),
                location == null ? 0 : location.getColumnNr());
    }

    private static ProblemException malformed(String format, String what, int line, int column) {
        String slug = format.equals("JSON") ? "malformed-json" : "malformed-yaml";
        if (line == 0) {
            return new ProblemException(slug, BAD_REQUEST, "the body is no readable %s: %s".formatted(format, what));
        }
        var error = new LinkedHashMap<String, Object>();
        error.put("line", line);
        error.put("column", column);
        error.put("detail", what);
        return new ProblemException(
                slug,
                BAD_REQUEST,
                "line %d, column %d: the body is no readable %s: %s".formatted(line, column, format, what),
                Map.of("errors", List.of(error)));
    }

    static ProblemException invalid(List<Finding> errors) {
        return new ProblemException(
                "invalid-document",
                BAD_REQUEST,
                errors.stream().map(Finding::toString).collect(Collectors.joining("; ")),
                Map.of("errors", errors));
    }

    static ProblemException unknownKind(String kind, Collection<String> known) {
        return new ProblemException(
                "unknown-kind",
                NOT_FOUND,
                "'%s' is no kind of policy document; there are %s".formatted(kind, String.join(", ", known)));
    }

    static ProblemException notNamespaced(String kind, boolean namespaced) {
        return new ProblemException(
                "invalid-name",
                BAD_REQUEST,
                namespaced
                        ? "a %s lives in a namespace; write its name where '-' stands".formatted(kind)
                        : "a %s lives in no namespace; write '-' in its place".formatted(kind));
    }

    public static ProblemException tooLarge(String what, int bytes, int limit) {
        Map<String, Object> members = new LinkedHashMap<>();
        members.put("bytes", bytes);
        members.put("limit", limit);
        return new ProblemException(
                "document-too-large",
                REQUEST_ENTITY_TOO_LARGE,
                "%s has %d bytes, and %d is the most; split it into several".formatted(what, bytes, limit),
                members);
    }
}

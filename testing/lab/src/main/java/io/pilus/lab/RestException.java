package io.pilus.lab;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.Serial;

/** A request was refused; the message is the problem document's (RFC 9457) title, detail and single errors. */
public final class RestException extends LabException {

    @Serial
    private static final long serialVersionUID = 1;

    private final int status;
    private final String type;

    RestException(Answer answer) {
        super(describe(answer));
        this.status = answer.status();
        this.type = problem(answer).path("type").asText();
    }

    public int status() {
        return status;
    }

    /** The problem's type, for example {@code urn:pilus:problem:unknown-pool}; empty when the answer was no problem document. */
    public String type() {
        return type;
    }

    private static String describe(Answer answer) {
        JsonNode problem = problem(answer);
        if (problem.isMissingNode()) {
            return answer.request() + " answered " + answer.status() + " " + answer.body();
        }
        var text = new StringBuilder(
                problem.path("detail").asText(problem.path("title").asText()));
        for (JsonNode error : problem.path("errors")) {
            text.append("\n  ")
                    .append(error.path("pointer").asText(error.path("field").asText()));
            text.append(": ").append(error.path("detail").asText());
        }
        return text + " (" + answer.status() + ")";
    }

    private static JsonNode problem(Answer answer) {
        boolean isProblem = answer.header("content-type").orElse("").startsWith("application/problem+json");
        return isProblem ? answer.json() : MissingNode.getInstance();
    }
}

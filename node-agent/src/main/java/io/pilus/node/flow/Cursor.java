package io.pilus.node.flow;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;

import com.fasterxml.jackson.annotation.JsonValue;
import io.pilus.rest.ProblemException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A flow's place: which run of the agent told it, and its number there. Numbers that a reader misses are flows that were
 * no longer kept when it came to them.
 */
record Cursor(String run, long number) {

    private static final Pattern TEXT = Pattern.compile("([0-9a-f]{8})-([0-9]{1,18})");

    /**
     * Reads the query parameter.
     *
     * @throws ProblemException 400 when it is no cursor
     */
    public static Cursor valueOf(String text) {
        Matcher matcher = TEXT.matcher(text);
        if (!matcher.matches()) {
            throw new ProblemException(
                    "invalid-cursor", BAD_REQUEST, "after is not the 'cursor' of a flow; leave it out to begin");
        }
        return new Cursor(matcher.group(1), Long.parseLong(matcher.group(2)));
    }

    @Override
    @JsonValue
    public String toString() {
        return run + "-" + number;
    }
}

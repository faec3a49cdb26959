package io.pilus.rest;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;
import static jakarta.ws.rs.core.Response.Status.PRECONDITION_FAILED;

import io.pilus.etcd.Versioned;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Entity tags: the mod revision of the key that holds the object, in quotes. */
public final class ETags {

    private static final Pattern TAG = Pattern.compile("\\s*(W/)?\"([^\"]*)\"\\s*(,|$)");

    private ETags() {}

    public static String of(Versioned<?> seen) {
        return of(seen.modRevision());
    }

    public static String of(long modRevision) {
        return "\"" + modRevision + "\"";
    }

    /**
     * Refuses the request unless the object is the one that the client has seen.
     *
     * @param ifMatch the header {@code If-Match}, or null when the client sent none: then everything matches
     * @param what the object, for people: {@code namespace 'shop'}
     * @throws ProblemException 412 when it does not match, 400 when the header is unreadable
     */
    public static void check(@Nullable String ifMatch, Optional<? extends Versioned<?>> seen, String what) {
        if (ifMatch != null && !matches(ifMatch, seen)) {
            throw new ProblemException(
                    "changed",
                    PRECONDITION_FAILED,
                    seen.isPresent()
                            ? "%s has changed since you read it; read it again, and repeat with its ETag"
                                    .formatted(what)
                            : "%s does not exist; leave If-Match out to create it".formatted(what),
                    seen.isPresent() ? Map.of("current", of(seen.get())) : Map.of());
        }
    }

    private static boolean matches(String ifMatch, Optional<? extends Versioned<?>> seen) {
        if (ifMatch.strip().equals("*")) {
            return seen.isPresent();
        }
        Matcher tag = TAG.matcher(ifMatch);
        int at = 0;
        boolean matches = false;
        while (at < ifMatch.length()) {
            if (!tag.find(at) || tag.start() != at) {
                throw new ProblemException(
                        "invalid-etag",
                        BAD_REQUEST,
                        "If-Match: %s is neither * nor a list of quoted tags such as \"42\"".formatted(ifMatch));
            }
            matches |= tag.group(1) == null
                    && seen.isPresent()
                    && Long.toString(seen.get().modRevision()).equals(tag.group(2));
            at = tag.end();
        }
        return matches;
    }
}

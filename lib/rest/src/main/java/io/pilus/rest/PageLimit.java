package io.pilus.rest;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;

/** How many items a page of a list may have: 1 to {@link #MAX}. */
public record PageLimit(int value) {

    public static final int MAX = 1000;

    static final PageLimit DEFAULT = new PageLimit(100);

    /**
     * @throws ProblemException 400 when it is out of bounds
     */
    public PageLimit {
        if (value < 1 || value > MAX) {
            throw invalid(Integer.toString(value));
        }
    }

    /** Reads the query parameter. */
    public static PageLimit valueOf(String text) {
        try {
            return new PageLimit(Integer.parseInt(text));
        } catch (NumberFormatException e) {
            throw invalid(text);
        }
    }

    private static ProblemException invalid(String text) {
        return new ProblemException(
                "invalid-page", BAD_REQUEST, "limit=%s is not a number between 1 and %d".formatted(text, MAX));
    }
}

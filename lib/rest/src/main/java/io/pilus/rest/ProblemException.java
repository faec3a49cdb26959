package io.pilus.rest;

import jakarta.ws.rs.core.Response.StatusType;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** An error that a client may see: becomes {@code application/problem+json} as it stands. */
public class ProblemException extends RuntimeException {

    private static final String TYPE = "urn:pilus:problem:";

    private final String type;
    private final transient StatusType status;
    private final transient Map<String, Object> members;

    /**
     * @param slug the last part of the type; has a line in docs/reference/problems.md
     * @param detail names the thing and how to mend it
     * @param members what a program may want to know, beside the members that every problem has
     */
    public ProblemException(String slug, StatusType status, String detail, Map<String, ?> members) {
        super(detail);
        this.type = TYPE + slug;
        this.status = status;
        this.members = Collections.unmodifiableMap(new LinkedHashMap<>(members));
    }

    public ProblemException(String slug, StatusType status, String detail) {
        this(slug, status, detail, Map.of());
    }

    public String type() {
        return type;
    }

    public StatusType status() {
        return status;
    }

    public String detail() {
        return String.valueOf(getMessage());
    }

    public Map<String, Object> members() {
        return members;
    }

    /** The problem document, for an answer that holds several; alone, it is the body of one. */
    public Map<String, Object> document() {
        var document = new LinkedHashMap<String, Object>();
        document.put("type", type);
        document.put("title", status.getReasonPhrase());
        document.put("status", status.getStatusCode());
        document.put("detail", detail());
        members.forEach(document::putIfAbsent);
        return document;
    }
}

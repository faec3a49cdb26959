package io.pilus.rest;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;

import java.util.Map;
import java.util.regex.Pattern;

/** The rules that Kubernetes has for names; every part of a key in etcd obeys them, so none can hold a slash. */
final class Names {

    static final int LABEL_LENGTH = 63;
    static final int SUBDOMAIN_LENGTH = 253;

    private static final String PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
    private static final Pattern LABEL = Pattern.compile(PART);
    private static final Pattern SUBDOMAIN = Pattern.compile(PART + "(\\." + PART + ")*");

    private Names() {}

    /** Whether values of this type are names, which JSON holds as strings. */
    static boolean isName(Class<?> type) {
        return type == NamespaceName.class
                || type == WorkloadName.class
                || type == NodeName.class
                || type == PoolName.class;
    }

    /** RFC 1123 label. */
    static String label(String what, String name) {
        if (name.isEmpty()
                || name.length() > LABEL_LENGTH
                || !LABEL.matcher(name).matches()) {
            throw invalid(what, name, "at most 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit");
        }
        return name;
    }

    /** RFC 1123 subdomain. */
    static String subdomain(String what, String name) {
        if (name.isEmpty()
                || name.length() > SUBDOMAIN_LENGTH
                || !SUBDOMAIN.matcher(name).matches()) {
            throw invalid(
                    what,
                    name,
                    "at most 253 of a-z, 0-9, '-' and '.', each part between dots beginning and ending with a letter"
                            + " or digit");
        }
        return name;
    }

    private static ProblemException invalid(String what, String name, String rule) {
        String shown = name.length() > SUBDOMAIN_LENGTH ? name.substring(0, LABEL_LENGTH) + "..." : name;
        return new ProblemException(
                "invalid-name",
                BAD_REQUEST,
                "'%s' cannot be the name of a %s; write %s".formatted(shown, what, rule),
                Map.of("name", shown));
    }
}

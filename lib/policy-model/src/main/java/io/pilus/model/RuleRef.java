package io.pilus.model;

/**
 * Names a rule for people: its document and where in it.
 *
 * @param namespace empty for a cluster-wide document
 * @param path {@code ingress[0]}, or {@code default-deny ingress} for what no rule of the document allows
 */
public record RuleRef(String kind, String namespace, String name, String path) {

    /** What the document says by saying nothing. */
    public static String defaultDeny(Direction direction) {
        return "default-deny " + direction.text();
    }

    /** Kind and name of the document, as users write it. */
    public String document() {
        return namespace.isEmpty() ? kind + " " + name : kind + " " + namespace + "/" + name;
    }

    @Override
    public String toString() {
        return document() + " " + path;
    }
}

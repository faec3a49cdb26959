package io.pilus.model;

/** Which way a connection was opened, seen from the subject; the codes are those of the datapath. */
public enum Direction {
    INGRESS(1, "ingress"),
    EGRESS(2, "egress");

    private final int code;
    private final String text;

    Direction(int code, String text) {
        this.code = code;
        this.text = text;
    }

    /** {@code enum pilus_direction}. */
    public int code() {
        return code;
    }

    /** As it is written in a policy document. */
    public String text() {
        return text;
    }
}

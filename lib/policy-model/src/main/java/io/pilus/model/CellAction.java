package io.pilus.model;

/** What a cell says; the codes are {@code enum pilus_action}. */
public enum CellAction {
    NONE(0),
    ALLOW(1),
    /** By a deny rule. */
    DENY(2),
    /** Isolated, and nothing allows it. */
    DEFAULT_DENY(3),
    /** Not isolated. */
    DEFAULT_ALLOW(4),
    /** A node and its own pods. */
    NODE(5);

    private final int code;

    CellAction(int code) {
        this.code = code;
    }

    public int code() {
        return code;
    }

    public boolean allows() {
        return switch (this) {
            case ALLOW, DEFAULT_ALLOW, NODE -> true;
            case NONE, DENY, DEFAULT_DENY -> false;
        };
    }

    static CellAction of(int code) {
        for (CellAction action : values()) {
            if (action.code == code) {
                return action;
            }
        }
        throw new IllegalArgumentException("no action has the code " + code);
    }
}

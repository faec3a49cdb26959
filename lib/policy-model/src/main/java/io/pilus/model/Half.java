package io.pilus.model;

/** By what a cell is found: the peer's identity, or its address; the codes are those of the datapath. */
public enum Half {
    PEER(0),
    /** By address, of a pod or node. */
    MANAGED(1),
    /** By address, of the world. */
    UNMANAGED(2);

    private final int code;

    Half(int code) {
        this.code = code;
    }

    /** {@code enum pilus_half}. */
    public int code() {
        return code;
    }
}

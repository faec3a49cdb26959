package io.pilus.node.datapath;

/** Why a new connection found no place in the table: {@code enum ct_overflow_reason} of {@code bpf/lib/conntrack.h}. */
public enum Overflow {
    TABLE_FULL(0),

    /** Of the endpoint that it is charged to: {@code bpf/lib/bucket.h}. */
    OVER_BUDGET(1);

    private final int number;

    Overflow(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }
}

package io.pilus.node.datapath;

/** Why the datapath did not tell of packets at once: what it owes is told of later. */
public enum EventDelay {
    /** the endpoint caused more events in a second than it may */
    OVER_BUDGET(0),
    /** the agent did not read fast enough */
    RING_FULL(1);

    private final int number;

    EventDelay(int number) {
        this.number = number;
    }

    /** Its place in {@code events_lost_v1}. */
    int number() {
        return number;
    }
}

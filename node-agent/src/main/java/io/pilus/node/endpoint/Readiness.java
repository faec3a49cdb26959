package io.pilus.node.endpoint;

/** What came of waiting for a workload's policy. */
public sealed interface Readiness {

    /**
     * The workload may be attached.
     *
     * @param pool the address pool it wants, never empty
     * @param slot in the map of slots, with the generation and table of its subject
     */
    record Ready(String uid, String namespace, String name, String pool, int identity, int slot) implements Readiness {}

    /**
     * It may not, and nothing is held.
     *
     * @param detail what exactly is not there, and how to mend it
     */
    record NotReady(Missing missing, String detail) implements Readiness {}

    /** The half that did not come in time. */
    enum Missing {
        /** the control plane has not said that the workload belongs to this node */
        WORKLOAD,
        /** its identity's policy has not come, or the stream has not reached the workload's floor */
        IDENTITY_POLICY,
        /** its verdict table is not in the kernel */
        TABLE
    }
}

package io.pilus.node.endpoint;

/** Says when a workload's policy is in force, so that its interface may come up. */
public interface Realiser {

    /**
     * Waits until the workload is known, its identity's policy has come in a stream that reached the workload's policy
     * floor, and its verdict table is in the kernel. What {@link Readiness.Ready} names stays in force until
     * {@link #release}, even when the workload's key goes away.
     *
     * <p>Called again for the same container, also after a restart of the agent, it takes nothing twice.
     *
     * @param containerId in whose name the slot is held
     * @throws InterruptedException when the caller gave up; nothing is held then
     */
    Readiness await(String containerId, WorkloadRef workload, Deadline deadline) throws InterruptedException;

    /** The container no longer uses its identity or slot. Without effect when it holds none. */
    void release(String containerId);
}

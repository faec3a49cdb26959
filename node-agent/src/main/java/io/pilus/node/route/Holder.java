package io.pilus.node.route;

/** Whoever the cluster says holds an address. Of several the newest does. */
public sealed interface Holder {

    /** Where it is, or who it is. */
    String node();

    /** Revision of the key that says so. */
    long writtenAt();

    /** A workload. */
    record Workload(String node, String namespace, String name, int identity, long writtenAt) implements Holder {}

    /** A node itself. */
    record Node(String node, long writtenAt) implements Holder {}
}

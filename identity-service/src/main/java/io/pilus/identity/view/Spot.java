package io.pilus.identity.view;

/** A workload's place: under which node, and which uid. Ordered by both. */
public record Spot(String node, String uid) implements Comparable<Spot> {
    @Override
    public int compareTo(Spot other) {
        int byNode = node.compareTo(other.node);
        return byNode != 0 ? byNode : uid.compareTo(other.uid);
    }
}

package io.pilus.node.state;

/**
 * Brings something in line with what changed. Called in the order of {@link jakarta.annotation.Priority}, one call at a
 * time, with {@link NodeState#lock} held.
 */
public interface StateListener {

    /** What was on disk is in the views: called once, before any other call. */
    void loaded();

    /** A revision of {@code cluster/} is in the view. */
    void clusterChanged(Delta delta);

    /** A revision of {@code nodes/{node}/} is in the view. */
    void nodeChanged(Delta delta);
}

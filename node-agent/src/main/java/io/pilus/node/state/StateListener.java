package io.pilus.node.state;

/**
 * Brings something in line with what changed. Listeners are called in the order of their {@link jakarta.annotation.Priority},
 * the lowest first, one call at a time, with {@link NodeState#lock} held. One that throws is not told of the next
 * changes, but {@link #loaded} anew.
 */
public interface StateListener {

    /** The views are as they are: called before any other call, and again after a call has failed. */
    void loaded();

    /** A revision of {@code cluster/} is in the view. */
    void clusterChanged(Delta delta);

    /** A revision of {@code nodes/{node}/} is in the view. */
    void nodeChanged(Delta delta);
}

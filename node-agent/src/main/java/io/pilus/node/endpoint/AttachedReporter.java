package io.pilus.node.endpoint;

/**
 * Tells the control plane what is attached. Both methods return at once and never fail: the endpoints are on disk before,
 * and {@link Endpoints#all} is what must be reported in the end.
 */
public interface AttachedReporter {

    /** Attached just now, or its identity changed. */
    void attached(Attachment attachment);

    /** Detached just now: nothing of it is in the kernel any more. */
    void detached(Attachment attachment);
}

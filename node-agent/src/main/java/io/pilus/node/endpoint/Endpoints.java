package io.pilus.node.endpoint;

import java.util.List;
import java.util.Optional;

/** The workloads attached on this node. */
public interface Endpoints {

    List<Attachment> all();

    /** The endpoint that counters and events call by this number. */
    Optional<Attachment> byNumber(int number);

    /**
     * Puts a running workload under another identity: its packets are judged by the new slot when this returns, and
     * never by none. Without effect when the container is not attached.
     */
    void changeIdentity(String containerId, int identity, int slot);
}

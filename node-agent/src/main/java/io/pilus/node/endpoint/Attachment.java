package io.pilus.node.endpoint;

import com.google.protobuf.ByteString;
import java.util.List;

/**
 * An endpoint: a workload as it is attached on this node.
 *
 * @param interfaceName inside the workload's network namespace
 * @param hostInterface the node's end
 * @param ifindex of the node's end
 * @param number names the endpoint in counters and events; unique on the node while it is attached
 * @param addresses 4 or 16 bytes each
 * @param pool that the addresses are of
 * @param identity the one in force
 */
public record Attachment(
        String uid,
        String namespace,
        String name,
        String containerId,
        String netns,
        String interfaceName,
        String hostInterface,
        int ifindex,
        int number,
        List<ByteString> addresses,
        String pool,
        int identity,
        int slot,
        int mtu) {

    /** The same workload, judged as another. */
    Attachment judged(int newIdentity, int newSlot) {
        return new Attachment(
                uid,
                namespace,
                name,
                containerId,
                netns,
                interfaceName,
                hostInterface,
                ifindex,
                number,
                addresses,
                pool,
                newIdentity,
                newSlot,
                mtu);
    }
}

package io.pilus.model.reference;

import com.google.protobuf.ByteString;
import io.pilus.contract.Identities;
import io.pilus.contract.Prefixes;
import io.pilus.model.Direction;

/**
 * The first packet of a connection as one side's policy sees it.
 *
 * @param known whether the node knows the identity
 * @param managed whether the address is a pod's or a node's
 */
public record Packet(
        Direction direction, int identity, boolean known, ByteString address, boolean managed, int protocol, int port) {

    @Override
    public String toString() {
        return direction.text() + " " + (known ? "" : "unknown ") + Identities.name(identity) + " "
                + Prefixes.format(address) + (managed ? " (managed)" : "") + " protocol " + protocol + " port " + port;
    }
}

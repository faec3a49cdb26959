package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.netlink.MacAddress;

/**
 * Who holds an address.
 *
 * @param node for another node and its pods: its address underneath; else empty
 * @param ifindex of a pod here: the host's end of its interface
 * @param slot of a pod here
 * @param endpoint of a pod here: its number
 * @param mac of a pod here; or of the other node's tunnel device
 * @param flags one of the constants
 */
public record Destination(
        ByteString node, int identity, int ifindex, int slot, int endpoint, MacAddress mac, int flags) {

    /** A pod of this node; only {@code io.pilus.node.endpoint} writes these. */
    public static final int LOCAL = 1;

    /** A pod of another node. */
    public static final int REMOTE = 2;

    /** An address of another node. */
    public static final int NODE = 4;

    /** An address of this node; only {@link Datapath} writes these. */
    public static final int THIS_NODE = 8;

    public static final Layout<Destination> LAYOUT = Layout.<Destination>of("pilus_destination")
            .address("node", Destination::node)
            .u32("identity", Destination::identity)
            .u32("ifindex", Destination::ifindex)
            .u32("slot", Destination::slot)
            .u32("endpoint", Destination::endpoint)
            .mac("mac", Destination::mac)
            .u16("flags", Destination::flags)
            .read(r -> new Destination(
                    r.address("node"),
                    r.u32("identity"),
                    r.u32("ifindex"),
                    r.u32("slot"),
                    r.u32("endpoint"),
                    r.mac("mac"),
                    r.u16("flags")));

    /** Its key: an address of 4 or 16 bytes. */
    public static final Layout<ByteString> KEY = Layout.<ByteString>of("pilus_addr")
            .address("word", address -> address)
            .read(r -> Prefixes.unmapped(r.raw("word")));

    private static final MacAddress NO_MAC = new MacAddress(0);

    /** Of a pod here. */
    public static Destination local(int identity, int ifindex, int slot, int endpoint, MacAddress mac) {
        return new Destination(ByteString.EMPTY, identity, ifindex, slot, endpoint, mac, LOCAL);
    }

    /**
     * Of a pod of another node.
     *
     * @param tunnelMac of the other node's tunnel device
     */
    public static Destination remote(ByteString node, int identity, MacAddress tunnelMac) {
        return new Destination(node, identity, 0, 0, 0, tunnelMac, REMOTE);
    }

    /** Of another node itself. */
    public static Destination node(ByteString node, int identity, MacAddress tunnelMac) {
        return new Destination(node, identity, 0, 0, 0, tunnelMac, NODE);
    }

    /** Of this node itself. */
    public static Destination thisNode(int identity) {
        return new Destination(ByteString.EMPTY, identity, 0, 0, 0, NO_MAC, THIS_NODE);
    }
}

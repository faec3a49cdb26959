package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Prefix;
import io.pilus.netlink.MacAddress;

/**
 * What is known of the addresses of a pool or block that no destination holds.
 *
 * @param node of a block: its owner's address underneath; else empty
 * @param mac of a block: of its owner's tunnel device
 * @param flags sum of the constants
 */
public record Range(ByteString node, MacAddress mac, int flags) {

    /** Addresses of pods, never of the world. */
    public static final int POOL = 1;

    /** Owned by a node. */
    public static final int BLOCK = 2;

    /** Owned by this node. */
    public static final int THIS_NODE = 4;

    public static final Layout<Range> LAYOUT = Layout.<Range>of("pilus_range")
            .address("node", Range::node)
            .mac("mac", Range::mac)
            .u16("flags", Range::flags)
            .read(r -> new Range(r.address("node"), r.mac("mac"), r.u16("flags")));

    /** Its key. */
    public static final Layout<Prefix> KEY = Layout.<Prefix>of("pilus_range_key")
            .u32("prefixlen", Prefixes::mappedLength)
            .address("address", Prefix::getAddress)
            .read(r -> prefix(r.raw("address"), r.u32("prefixlen")));

    private static Prefix prefix(byte[] address, int mappedLength) {
        ByteString unmapped = mappedLength >= 96 ? Prefixes.unmapped(address) : ByteString.copyFrom(address);
        return Prefix.newBuilder()
                .setAddress(unmapped)
                .setLength(unmapped.size() == 4 ? mappedLength - 96 : mappedLength)
                .build();
    }
}

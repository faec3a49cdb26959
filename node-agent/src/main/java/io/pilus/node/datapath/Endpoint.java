package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.netlink.MacAddress;

/**
 * A pod of this node, as {@code from_pod} knows the sender by the index of its host interface.
 *
 * @param ipv4 empty when it has none
 * @param number names it in counters and events; unique on the node
 * @param slot 0: nothing passes
 * @param mac of the pod's interface
 * @param gatewayMac of the host's end
 * @param mtu of the pod's interface
 */
public record Endpoint(
        ByteString ipv4,
        ByteString ipv6,
        int number,
        int identity,
        int slot,
        MacAddress mac,
        MacAddress gatewayMac,
        int mtu) {

    public static final Layout<Endpoint> LAYOUT = Layout.<Endpoint>of("pilus_endpoint")
            .address("ipv4", Endpoint::ipv4)
            .address("ipv6", Endpoint::ipv6)
            .u32("number", Endpoint::number)
            .u32("identity", Endpoint::identity)
            .u32("slot", Endpoint::slot)
            .mac("mac", Endpoint::mac)
            .mac("gateway_mac", Endpoint::gatewayMac)
            .u32("mtu", Endpoint::mtu)
            .read(r -> new Endpoint(
                    r.address("ipv4"),
                    r.address("ipv6"),
                    r.u32("number"),
                    r.u32("identity"),
                    r.u32("slot"),
                    r.mac("mac"),
                    r.mac("gateway_mac"),
                    r.u32("mtu")));
}

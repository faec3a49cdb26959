package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.netlink.MacAddress;

/** What the programs are told when they are loaded: {@code struct pilus_config} of {@code bpf/lib/config.h}. */
record DatapathConfig(
        int hostIfindex,
        int overlayIfindex,
        int uplinkIfindex,
        int flags,
        MacAddress hostMac,
        MacAddress overlayMac,
        int podMtu,
        int underlayMtu,
        ByteString nodeIpv4,
        ByteString nodeIpv6,
        int tunnelPort,
        int connectionRate,
        int eventRate,
        int connectionShare) {

    /** Pods' addresses travel as they are. */
    static final int NATIVE = 1;

    /** Other nodes are on the uplink's link. */
    static final int DIRECT = 2;

    static final Layout<DatapathConfig> LAYOUT = Layout.<DatapathConfig>of("pilus_config")
            .u32("host_ifindex", DatapathConfig::hostIfindex)
            .u32("overlay_ifindex", DatapathConfig::overlayIfindex)
            .u32("uplink_ifindex", DatapathConfig::uplinkIfindex)
            .u32("flags", DatapathConfig::flags)
            .mac("host_mac", DatapathConfig::hostMac)
            .mac("overlay_mac", DatapathConfig::overlayMac)
            .u32("pod_mtu", DatapathConfig::podMtu)
            .u32("underlay_mtu", DatapathConfig::underlayMtu)
            .address("node_ipv4", DatapathConfig::nodeIpv4)
            .address("node_ipv6", DatapathConfig::nodeIpv6)
            .u16("tunnel_port", DatapathConfig::tunnelPort)
            .zero("zero", 2)
            .u32("connection_rate", DatapathConfig::connectionRate)
            .u32("event_rate", DatapathConfig::eventRate)
            .u32("connection_share", DatapathConfig::connectionShare)
            .read(r -> new DatapathConfig(
                    r.u32("host_ifindex"),
                    r.u32("overlay_ifindex"),
                    r.u32("uplink_ifindex"),
                    r.u32("flags"),
                    r.mac("host_mac"),
                    r.mac("overlay_mac"),
                    r.u32("pod_mtu"),
                    r.u32("underlay_mtu"),
                    r.address("node_ipv4"),
                    r.address("node_ipv6"),
                    r.u16("tunnel_port"),
                    r.u32("connection_rate"),
                    r.u32("event_rate"),
                    r.u32("connection_share")));
}

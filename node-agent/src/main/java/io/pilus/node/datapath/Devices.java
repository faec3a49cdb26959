package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.contract.TunnelMacs;
import io.pilus.netlink.InterfaceAddress;
import io.pilus.netlink.Link;
import io.pilus.netlink.LinkChange;
import io.pilus.netlink.MacAddress;
import io.pilus.netlink.Netlink;
import io.pilus.netlink.NetworkNamespace;
import io.pilus.netlink.VethEnd;
import io.pilus.node.NodeConfig;
import io.pilus.node.NodeConfig.Routing;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The devices that a node has for all its pods. Those that are right are left alone. */
final class Devices {

    /** The node's own end: its routes to pods lead here, and what pods send to the node arrives here. */
    static final String HOST = "pilus_host";

    /** The far end, where the datapath sits. */
    static final String NET = "pilus_net";

    static final String OVERLAY = "pilus_vxlan";
    static final int TUNNEL_PORT = 8472;

    /** Of both ends of the pair, and the gateway of every pod. */
    static final MacAddress GATEWAY = MacAddress.parse("02:70:69:6c:75:73");

    /** What VXLAN adds to a packet, over IPv4 and over IPv6. */
    private static final int OVERHEAD_IPV4 = 50;

    private static final int OVERHEAD_IPV6 = 70;

    private final NodeConfig config;
    private final NetworkNamespace namespace;
    private final Netlink netlink;

    /**
     * What there is.
     *
     * @param overlay index of the VXLAN device; 0 with native routing
     * @param addresses the node's own, of 4 or 16 bytes, in the kernel's order
     */
    record Found(
            Link host,
            Link net,
            Link uplink,
            int overlay,
            MacAddress overlayMac,
            int podMtu,
            List<ByteString> addresses) {

        /** Empty when the node has none. */
        ByteString first(int bytes) {
            return addresses.stream()
                    .filter(address -> address.size() == bytes)
                    .findFirst()
                    .orElse(ByteString.EMPTY);
        }
    }

    Devices(NodeConfig config, NetworkNamespace namespace, Netlink netlink) {
        this.config = config;
        this.namespace = namespace;
        this.netlink = netlink;
    }

    /**
     * Makes what is missing or wrong.
     *
     * @throws IllegalStateException when the uplink is not there or has no address
     */
    Found ensure() {
        Link uplink = netlink.link(config.uplink())
                .orElseThrow(() -> new IllegalStateException(
                        "there is no device '%s' on this node; set pilus.node.uplink to the device that leads to the other nodes"
                                .formatted(config.uplink())));
        List<ByteString> addresses = netlink.addresses().stream()
                .filter(address -> address.ifindex() == uplink.index() && address.global() && address.usable())
                .map(InterfaceAddress::address)
                .map(subnet -> ByteString.copyFrom(subnet.address().getAddress()))
                .toList();
        if (addresses.isEmpty()) {
            throw new IllegalStateException(
                    "the device '%s' has no address by which other nodes could reach this one; give it one, or set pilus.node.uplink to another device"
                            .formatted(config.uplink()));
        }
        boolean overIpv4 = addresses.stream().anyMatch(address -> address.size() == 4);
        boolean tunnelled = config.routing() == Routing.VXLAN;
        int podMtu = tunnelled ? uplink.mtu() - (overIpv4 ? OVERHEAD_IPV4 : OVERHEAD_IPV6) : uplink.mtu();
        ensurePair(podMtu);
        MacAddress overlayMac = MacAddress.of(TunnelMacs.of(config.name()));
        int overlay = tunnelled ? ensureOverlay(overlayMac, podMtu) : removeOverlay();
        return new Found(link(HOST), link(NET), uplink, overlay, overlayMac, podMtu, addresses);
    }

    private void ensurePair(int mtu) {
        Optional<Link> host = netlink.link(HOST);
        Optional<Link> net = netlink.link(NET);
        boolean paired = host.isPresent()
                && net.isPresent()
                && host.get().kind().equals("veth")
                && host.get().peer() == net.get().index();
        if (!paired) {
            host.ifPresent(link -> netlink.deleteLink(link.index()));
            net.ifPresent(link -> netlink.deleteLink(link.index()));
            netlink.addVeth(new VethEnd(HOST, GATEWAY, mtu, false, null), new VethEnd(NET, GATEWAY, mtu, false, null));
        }
        for (String name : List.of(HOST, NET)) {
            // nothing is there to be discovered, and what the kernel would say of itself is only dropped
            quiet(name);
            Link link = link(name);
            if (link.mtu() != mtu || !link.up() || link.arp() || !link.mac().equals(GATEWAY)) {
                netlink.change(
                        link.index(),
                        LinkChange.toUp().withMtu(mtu).withArp(false).withMac(GATEWAY));
            }
        }
    }

    private int ensureOverlay(MacAddress mac, int mtu) {
        Optional<Link> found = netlink.link(OVERLAY);
        if (found.isEmpty()
                || !found.get().kind().equals("vxlan")
                || !found.get().mac().equals(mac)) {
            found.ifPresent(link -> netlink.deleteLink(link.index()));
            netlink.addVxlan(OVERLAY, mac, mtu, TUNNEL_PORT);
        }
        namespace.sysctls(Map.of("net/ipv6/conf/" + OVERLAY + "/disable_ipv6", "1"));
        Link link = link(OVERLAY);
        if (link.mtu() != mtu || !link.up()) {
            netlink.change(link.index(), LinkChange.toUp().withMtu(mtu));
        }
        return link.index();
    }

    private int removeOverlay() {
        netlink.link(OVERLAY).ifPresent(link -> netlink.deleteLink(link.index()));
        return 0;
    }

    private void quiet(String device) {
        String settings = "net/ipv6/conf/" + device + "/";
        namespace.sysctls(
                device.equals(NET)
                        ? Map.of(settings + "disable_ipv6", "1")
                        : Map.of(
                                settings + "disable_ipv6", "0",
                                settings + "accept_dad", "0",
                                settings + "accept_ra", "0",
                                settings + "router_solicitations", "0"));
    }

    private Link link(String name) {
        return netlink.link(name)
                .orElseThrow(
                        () -> new IllegalStateException("the device " + name + " was removed while it was set up"));
    }
}

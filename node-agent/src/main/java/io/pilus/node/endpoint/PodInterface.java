package io.pilus.node.endpoint;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.netlink.Link;
import io.pilus.netlink.LinkChange;
import io.pilus.netlink.MacAddress;
import io.pilus.netlink.Netlink;
import io.pilus.netlink.NetlinkException;
import io.pilus.netlink.NetworkNamespace;
import io.pilus.netlink.Route;
import io.pilus.netlink.Subnet;
import io.pilus.netlink.VethEnd;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/** The veth pair between a workload's namespace and the node's: made down, brought up last. */
final class PodInterface {

    static final InetAddress GATEWAY_IPV4 = InetAddress.ofLiteral("169.254.1.1");
    static final InetAddress GATEWAY_IPV6 = InetAddress.ofLiteral("fe80::1");

    private PodInterface() {}

    /** The same for the same container and interface, and within 15 characters. */
    static String hostName(String containerId, String interfaceName) {
        return "pl" + hash(containerId, interfaceName).substring(0, 11);
    }

    /** A locally administered address, the same for the same container and interface. */
    static MacAddress mac(String containerId, String interfaceName) {
        return MacAddress.of(
                HexFormat.of().parseHex("06" + hash(containerId, interfaceName).substring(12, 22)));
    }

    /**
     * Makes both ends, down.
     *
     * @param gateway the link address of the node's end
     * @return the index of the node's end
     * @throws NetlinkException when the name is taken, or the namespace is gone
     */
    static int create(
            Netlink node,
            MacAddress gateway,
            NetworkNamespace pod,
            String hostName,
            String interfaceName,
            MacAddress mac,
            int mtu) {
        node.addVeth(new VethEnd(hostName, gateway, mtu, true, null), new VethEnd(interfaceName, mac, mtu, true, pod));
        return node.link(hostName)
                .map(Link::index)
                .orElseThrow(() -> new IllegalStateException(hostName + " vanished while it was being made"));
    }

    /** Addresses, while the interface is down. */
    static void address(Netlink pod, String interfaceName, List<ByteString> addresses) {
        int index = index(pod, interfaceName);
        for (ByteString address : addresses) {
            pod.addAddress(index, Subnet.host(inet(address)));
        }
    }

    /** Up, with the gateway as the way to everywhere. */
    static void raise(Netlink node, int hostIfindex, Netlink pod, String interfaceName, List<ByteString> addresses) {
        node.change(hostIfindex, LinkChange.toUp());
        int index = index(pod, interfaceName);
        pod.link("lo")
                .filter(loopback -> !loopback.up())
                .ifPresent(loopback -> pod.change(loopback.index(), LinkChange.toUp()));
        pod.change(index, LinkChange.toUp());
        for (ByteString address : addresses) {
            boolean ipv6 = address.size() == 16;
            pod.putRoute(Route.via(Subnet.all(ipv6), index, ipv6 ? GATEWAY_IPV6 : GATEWAY_IPV4));
        }
    }

    /** Both ends go. Without effect when they are gone. */
    static void delete(Netlink node, String hostName) {
        Optional<Link> link = node.link(hostName);
        link.ifPresent(found -> node.deleteLink(found.index()));
    }

    private static int index(Netlink netlink, String name) {
        return netlink.link(name)
                .map(Link::index)
                .orElseThrow(() -> new IllegalStateException(
                        "interface " + name + " vanished while the workload was being attached"));
    }

    static InetAddress inet(ByteString address) {
        try {
            return InetAddress.getByAddress(address.toByteArray());
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(Prefixes.format(address) + " is no address", e);
        }
    }

    private static String hash(String containerId, String interfaceName) {
        try {
            byte[] name = (containerId + "/" + interfaceName).getBytes(StandardCharsets.UTF_8);
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(name));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}

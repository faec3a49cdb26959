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
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The veth pair between a workload's namespace and the node's. The workload's end is made ready first; nothing it sends arrives before the
 * node's end is brought up, which says that all is done.
 */
final class PodInterface {

    static final InetAddress GATEWAY_IPV4 = InetAddress.ofLiteral("169.254.1.1");
    static final InetAddress GATEWAY_IPV6 = InetAddress.ofLiteral("fe80::1");

    private static final Pattern HOST_NAME = Pattern.compile("pl[0-9a-f]{11}");

    private PodInterface() {}

    /** The same for the same container and interface, and within 15 characters. */
    static String hostName(String containerId, String interfaceName) {
        return "pl" + hash(containerId, interfaceName).substring(0, 11);
    }

    /** Whether an interface of the node bears such a name. */
    static boolean isHostName(String name) {
        return HOST_NAME.matcher(name).matches();
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
     * @throws NetlinkException when a name is taken
     */
    static int create(
            Netlink node,
            MacAddress gateway,
            NetworkNamespace pod,
            String hostName,
            String interfaceName,
            MacAddress mac,
            int mtu) {
        // what an attempt that could not be undone left behind
        delete(node, hostName);
        node.addVeth(new VethEnd(hostName, gateway, mtu, true, null), new VethEnd(interfaceName, mac, mtu, true, pod));
        return index(node, hostName);
    }

    /** Has the node's own stack say nothing on its end: all that comes from there is the datapath's. */
    static void quiet(NetworkNamespace node, String hostName) {
        node.sysctls(Map.of("net/ipv6/conf/" + hostName + "/disable_ipv6", "1"));
    }

    /** Gives the workload's end its addresses, and the gateway as the way to everywhere. */
    static void configure(NetworkNamespace namespace, Netlink pod, String interfaceName, List<ByteString> addresses) {
        if (addresses.stream().anyMatch(address -> address.size() == 16)) {
            String settings = "net/ipv6/conf/" + interfaceName + "/";
            namespace.sysctls(
                    Map.of(settings + "disable_ipv6", "0", settings + "accept_ra", "0", settings + "accept_dad", "0"));
        }
        pod.link("lo")
                .filter(loopback -> !loopback.up())
                .ifPresent(loopback -> pod.change(loopback.index(), LinkChange.toUp()));
        int index = index(pod, interfaceName);
        addresses.forEach(address -> pod.addAddress(index, Subnet.host(inet(address))));
        pod.change(index, LinkChange.toUp());
        for (ByteString address : addresses) {
            boolean ipv6 = address.size() == 16;
            pod.putRoute(Route.via(Subnet.all(ipv6), index, ipv6 ? GATEWAY_IPV6 : GATEWAY_IPV4));
        }
    }

    /** Lets packets through. */
    static void raise(Netlink node, int hostIfindex) {
        node.change(hostIfindex, LinkChange.toUp());
    }

    /** Both ends go. Without effect when they are gone. */
    static void delete(Netlink node, String hostName) {
        node.link(hostName).ifPresent(found -> node.deleteLink(found.index()));
    }

    private static int index(Netlink netlink, String name) {
        return netlink.link(name)
                .map(Link::index)
                .orElseThrow(() -> new IllegalStateException(
                        "interface " + name + " vanished while the workload was being attached"));
    }

    private static InetAddress inet(ByteString address) {
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

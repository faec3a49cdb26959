package io.pilus.netlink;

import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * A unicast route of the main table.
 *
 * @param gateway null: the destination is on the link
 * @param onlink the gateway is taken to be on the link although no route says so
 * @param source the address of what the host itself sends; null: the kernel chooses
 * @param mtu 0: the device's
 */
public record Route(
        Subnet destination,
        int ifindex,
        @Nullable InetAddress gateway,
        boolean onlink,
        @Nullable InetAddress source,
        int mtu) {

    /** Straight through a device. */
    public static Route link(Subnet destination, int ifindex) {
        return new Route(destination, ifindex, null, false, null, 0);
    }

    /** Through a gateway that no route need lead to. */
    public static Route via(Subnet destination, int ifindex, InetAddress gateway) {
        return new Route(destination, ifindex, gateway, true, null, 0);
    }

    public Route withSource(InetAddress newSource) {
        return new Route(destination, ifindex, gateway, onlink, newSource, mtu);
    }

    @Override
    public String toString() {
        return destination
                + (gateway == null ? "" : " via " + gateway.getHostAddress())
                + (source == null ? "" : " src " + source.getHostAddress());
    }
}

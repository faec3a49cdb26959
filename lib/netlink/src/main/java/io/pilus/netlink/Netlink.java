package io.pilus.netlink;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * rtnetlink of one network namespace. Safe for threads, which take turns; every method returns when the kernel has done
 * it.
 *
 * @see <a href="https://man7.org/linux/man-pages/man7/rtnetlink.7.html">rtnetlink(7)</a>
 */
public final class Netlink implements AutoCloseable {

    private static final int RTM_NEWLINK = 16;
    private static final int RTM_DELLINK = 17;
    private static final int RTM_GETLINK = 18;
    private static final int RTM_NEWADDR = 20;
    private static final int RTM_DELADDR = 21;
    private static final int RTM_GETADDR = 22;
    private static final int RTM_NEWROUTE = 24;
    private static final int RTM_DELROUTE = 25;
    private static final int RTM_GETROUTE = 26;
    private static final int RTM_NEWNEIGH = 28;

    private static final int IFINFO = 16; // struct ifinfomsg: family 0, type 2, index 4, flags 8, change 12
    private static final int IFF_UP = 1;
    private static final int IFF_NOARP = 0x80;
    private static final int IFLA_ADDRESS = 1;
    private static final int IFLA_IFNAME = 3;
    private static final int IFLA_MTU = 4;
    private static final int IFLA_LINK = 5;
    private static final int IFLA_LINKINFO = 18;
    private static final int IFLA_NET_NS_FD = 28;
    private static final int IFLA_INFO_KIND = 1;
    private static final int IFLA_INFO_DATA = 2;
    private static final int VETH_INFO_PEER = 1;
    private static final int IFLA_VXLAN_LEARNING = 7;
    private static final int IFLA_VXLAN_PORT = 15;
    private static final int IFLA_VXLAN_COLLECT_METADATA = 25;

    private static final int IFADDR = 8; // struct ifaddrmsg: family 0, prefixlen 1, flags 2, scope 3, index 4
    private static final int IFA_ADDRESS = 1;
    private static final int IFA_LOCAL = 2;
    private static final int IFA_FLAGS = 8;
    private static final int IFA_F_TEMPORARY = 1;
    private static final int IFA_F_NODAD = 2;
    private static final int IFA_F_DADFAILED = 8;
    private static final int IFA_F_DEPRECATED = 0x20;
    private static final int IFA_F_TENTATIVE = 0x40;
    private static final int IFA_F_NOPREFIXROUTE = 0x200;

    private static final int RTMSG =
            12; // struct rtmsg: family 0, dst_len 1, table 4, protocol 5, scope 6, type 7, flags 8
    private static final int RTA_DST = 1;
    private static final int RTA_OIF = 4;
    private static final int RTA_GATEWAY = 5;
    private static final int RTA_PREFSRC = 7;
    private static final int RTA_METRICS = 8;
    private static final int RTA_TABLE = 15;
    private static final int RTAX_MTU = 2;
    private static final int RTNH_F_ONLINK = 4;
    private static final int TABLE_MAIN = 254;
    private static final int PROTOCOL_STATIC = 4;
    private static final int SCOPE_UNIVERSE = 0;
    private static final int SCOPE_LINK = 253;
    private static final int SCOPE_NOWHERE = 255;
    private static final int TYPE_UNICAST = 1;

    private static final int NDMSG = 12; // struct ndmsg: family 0, ifindex 4, state 8, flags 10
    private static final int NDA_DST = 1;
    private static final int NDA_LLADDR = 2;
    private static final int NUD_PERMANENT = 0x80;

    private static final int AF_UNSPEC = 0;
    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;

    private static final int CHANGE = NetlinkSocket.REQUEST | NetlinkSocket.ACK;
    private static final int MAKE = CHANGE | NetlinkSocket.CREATE | NetlinkSocket.EXCLUSIVE;
    private static final int PUT = CHANGE | NetlinkSocket.CREATE | NetlinkSocket.REPLACE;
    private static final int LIST = NetlinkSocket.REQUEST | NetlinkSocket.DUMP;

    private final NetlinkSocket socket;

    private Netlink(NetlinkSocket socket) {
        this.socket = socket;
    }

    /** That of the calling thread's network namespace, whichever thread uses it later. */
    public static Netlink open() {
        return new Netlink(new NetlinkSocket());
    }

    /**
     * Makes two devices, both down.
     *
     * @throws NetlinkException that {@link NetlinkException#exists} when a name is taken
     */
    public void addVeth(VethEnd end, VethEnd peer) {
        Message request = link(RTM_NEWLINK, MAKE, 0);
        describe(request, end);
        request.fixed32(8, end.arp() ? 0 : IFF_NOARP).fixed32(12, IFF_NOARP);
        int info = request.nest(IFLA_LINKINFO);
        request.text(IFLA_INFO_KIND, "veth");
        int data = request.nest(IFLA_INFO_DATA);
        int other = request.nest(VETH_INFO_PEER);
        request.skip(IFINFO).nested32(other, 8, peer.arp() ? 0 : IFF_NOARP).nested32(other, 12, IFF_NOARP);
        describe(request, peer);
        request.end(other).end(data).end(info);
        socket.execute("create veth pair %s, %s".formatted(end.name(), peer.name()), request);
    }

    /** Makes a VXLAN device whose tunnel keys BPF sets and reads; it learns nothing and is down. */
    public void addVxlan(String name, MacAddress mac, int mtu, int port) {
        Message request = link(RTM_NEWLINK, MAKE, 0)
                .text(IFLA_IFNAME, name)
                .bytes(IFLA_ADDRESS, mac.toBytes())
                .u32(IFLA_MTU, mtu);
        int info = request.nest(IFLA_LINKINFO);
        request.text(IFLA_INFO_KIND, "vxlan");
        int data = request.nest(IFLA_INFO_DATA);
        request.u8(IFLA_VXLAN_COLLECT_METADATA, 1)
                .u8(IFLA_VXLAN_LEARNING, 0)
                .u16(IFLA_VXLAN_PORT, (short) port, ByteOrder.BIG_ENDIAN)
                .end(data)
                .end(info);
        socket.execute("create vxlan device " + name, request);
    }

    public Optional<Link> link(String name) {
        return one(
                "get device " + name,
                () -> link(RTM_GETLINK, NetlinkSocket.REQUEST | NetlinkSocket.ACK, 0)
                        .text(IFLA_IFNAME, name));
    }

    public Optional<Link> link(int index) {
        return one("get device " + index, () -> link(RTM_GETLINK, NetlinkSocket.REQUEST | NetlinkSocket.ACK, index));
    }

    public List<Link> links() {
        return socket.dump("list devices", () -> link(RTM_GETLINK, LIST, 0), Netlink::readLink);
    }

    /**
     * @throws NetlinkException that {@link NetlinkException#isGone} when there is no such device
     */
    public void change(int index, LinkChange change) {
        Message request = link(RTM_NEWLINK, CHANGE, index);
        int flags = 0;
        int mask = 0;
        if (change.up() != null) {
            flags |= change.up() ? IFF_UP : 0;
            mask |= IFF_UP;
        }
        if (change.arp() != null) {
            flags |= change.arp() ? 0 : IFF_NOARP;
            mask |= IFF_NOARP;
        }
        request.fixed32(8, flags).fixed32(12, mask);
        if (change.name() != null) {
            request.text(IFLA_IFNAME, change.name());
        }
        if (change.mtu() != null) {
            request.u32(IFLA_MTU, change.mtu());
        }
        if (change.mac() != null) {
            request.bytes(IFLA_ADDRESS, change.mac().toBytes());
        }
        socket.execute("change device " + index, request);
    }

    /** Whether it was there. Of a veth pair both ends go. */
    public boolean deleteLink(int index) {
        return unlessGone(() -> socket.execute("delete device " + index, link(RTM_DELLINK, CHANGE, index)));
    }

    /** Gives a device an address that is usable at once and brings no route with it. Having it already is no error. */
    public void addAddress(int ifindex, Subnet address) {
        socket.execute(
                "add address %s to device %d".formatted(address, ifindex),
                address(RTM_NEWADDR, PUT, ifindex, address).u32(IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE));
    }

    /** Whether the device had it. */
    public boolean deleteAddress(int ifindex, Subnet address) {
        return unlessGone(() -> socket.execute(
                "delete address %s of device %d".formatted(address, ifindex),
                address(RTM_DELADDR, CHANGE, ifindex, address)));
    }

    public List<InterfaceAddress> addresses() {
        return socket.dump("list addresses", () -> new Message(RTM_GETADDR, LIST, IFADDR), Netlink::readAddress);
    }

    /** Adds a route, or replaces that to the same destination. */
    public void putRoute(Route route) {
        Message request = route(RTM_NEWROUTE, PUT, route)
                .fixed8(5, PROTOCOL_STATIC)
                .fixed8(6, route.gateway() == null ? SCOPE_LINK : SCOPE_UNIVERSE)
                .fixed8(7, TYPE_UNICAST)
                .fixed32(8, route.onlink() ? RTNH_F_ONLINK : 0);
        if (route.source() != null) {
            request.bytes(RTA_PREFSRC, route.source().getAddress());
        }
        if (route.mtu() != 0) {
            int metrics = request.nest(RTA_METRICS);
            request.u32(RTAX_MTU, route.mtu()).end(metrics);
        }
        socket.execute("add route %s by device %d".formatted(route, route.ifindex()), request);
    }

    /** Whether it was there. */
    public boolean deleteRoute(Route route) {
        return unlessGone(() -> socket.execute(
                "delete route %s by device %d".formatted(route, route.ifindex()),
                route(RTM_DELROUTE, CHANGE, route).fixed8(6, SCOPE_NOWHERE)));
    }

    /** The unicast routes of the main table that lead through one device. */
    public List<Route> routes() {
        return socket.dump("list routes", () -> new Message(RTM_GETROUTE, LIST, RTMSG), Netlink::readRoute);
    }

    /** Adds a neighbour that never expires, or replaces it. */
    public void putNeighbour(int ifindex, InetAddress address, MacAddress mac) {
        socket.execute(
                "add neighbour %s by device %d".formatted(address.getHostAddress(), ifindex),
                new Message(RTM_NEWNEIGH, PUT, NDMSG)
                        .fixed8(0, family(address))
                        .fixed32(4, ifindex)
                        .fixed16(8, NUD_PERMANENT)
                        .bytes(NDA_DST, address.getAddress())
                        .bytes(NDA_LLADDR, mac.toBytes()));
    }

    @Override
    public void close() {
        socket.close();
    }

    private Optional<Link> one(String operation, Supplier<Message> request) {
        try {
            return socket.dump(operation, request, Netlink::readLink).stream().findFirst();
        } catch (NetlinkException e) {
            if (e.isGone()) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private static boolean unlessGone(Runnable deletion) {
        try {
            deletion.run();
            return true;
        } catch (NetlinkException e) {
            if (e.isGone()) {
                return false;
            }
            throw e;
        }
    }

    private static Message link(int type, int flags, int index) {
        return new Message(type, flags, IFINFO).fixed8(0, AF_UNSPEC).fixed32(4, index);
    }

    private static void describe(Message request, VethEnd end) {
        request.text(IFLA_IFNAME, end.name())
                .bytes(IFLA_ADDRESS, end.mac().toBytes())
                .u32(IFLA_MTU, end.mtu());
        if (end.namespace() != null) {
            request.u32(IFLA_NET_NS_FD, end.namespace().fd());
        }
    }

    private static Message address(int type, int flags, int ifindex, Subnet address) {
        byte[] bytes = address.address().getAddress();
        return new Message(type, flags, IFADDR)
                .fixed8(0, family(address.address()))
                .fixed8(1, address.length())
                .fixed32(4, ifindex)
                .bytes(IFA_LOCAL, bytes)
                .bytes(IFA_ADDRESS, bytes);
    }

    private static Message route(int type, int flags, Route route) {
        Message request = new Message(type, flags, RTMSG)
                .fixed8(0, family(route.destination().address()))
                .fixed8(1, route.destination().length())
                .fixed8(4, TABLE_MAIN)
                .u32(RTA_OIF, route.ifindex());
        if (route.destination().length() > 0) {
            request.bytes(RTA_DST, route.destination().address().getAddress());
        }
        if (route.gateway() != null) {
            request.bytes(RTA_GATEWAY, route.gateway().getAddress());
        }
        return request;
    }

    private static Link readLink(ByteBuffer body) {
        int flags = body.getInt(8);
        int index = body.getInt(4);
        Attributes attributes = attributes(body, IFINFO);
        byte[] mac = attributes.bytes(IFLA_ADDRESS);
        return new Link(
                index,
                attributes.text(IFLA_IFNAME),
                mac.length == 6 ? MacAddress.of(mac) : new MacAddress(0),
                attributes.u32(IFLA_MTU),
                (flags & IFF_UP) != 0,
                (flags & IFF_NOARP) == 0,
                attributes.nested(IFLA_LINKINFO).text(IFLA_INFO_KIND),
                attributes.u32(IFLA_LINK));
    }

    private static InterfaceAddress readAddress(ByteBuffer body) {
        int length = body.get(1) & 0xff;
        int scope = body.get(3) & 0xff;
        int ifindex = body.getInt(4);
        Attributes attributes = attributes(body, IFADDR);
        byte[] address = attributes.bytes(attributes.has(IFA_LOCAL) ? IFA_LOCAL : IFA_ADDRESS);
        int unusable = IFA_F_TENTATIVE | IFA_F_DEPRECATED | IFA_F_DADFAILED;
        // the same bit means "secondary" for IPv4, which is no blemish
        if (address.length == 16) {
            unusable |= IFA_F_TEMPORARY;
        }
        return new InterfaceAddress(
                ifindex,
                new Subnet(inet(address), length),
                scope == SCOPE_UNIVERSE,
                (attributes.u32(IFA_FLAGS) & unusable) == 0);
    }

    private static @Nullable Route readRoute(ByteBuffer body) {
        int family = body.get(0);
        int length = body.get(1) & 0xff;
        int type = body.get(7);
        int flags = body.getInt(8);
        Attributes attributes = attributes(body, RTMSG);
        if (type != TYPE_UNICAST || attributes.u32(RTA_TABLE) != TABLE_MAIN || !attributes.has(RTA_OIF)) {
            return null;
        }
        byte[] destination = attributes.bytes(RTA_DST);
        return new Route(
                destination.length == 0 ? Subnet.all(family == AF_INET6) : new Subnet(inet(destination), length),
                attributes.u32(RTA_OIF),
                attributes.has(RTA_GATEWAY) ? inet(attributes.bytes(RTA_GATEWAY)) : null,
                (flags & RTNH_F_ONLINK) != 0,
                attributes.has(RTA_PREFSRC) ? inet(attributes.bytes(RTA_PREFSRC)) : null,
                attributes.nested(RTA_METRICS).u32(RTAX_MTU));
    }

    private static Attributes attributes(ByteBuffer body, int fixed) {
        return new Attributes(body.position(fixed));
    }

    private static int family(InetAddress address) {
        return address instanceof Inet4Address ? AF_INET : AF_INET6;
    }

    private static InetAddress inet(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("the kernel gave an address of " + bytes.length + " bytes", e);
        }
    }
}

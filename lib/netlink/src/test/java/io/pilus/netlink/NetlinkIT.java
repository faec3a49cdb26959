package io.pilus.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class NetlinkIT {

    private static final MacAddress ONE = MacAddress.parse("02:00:00:00:00:01");
    private static final MacAddress TWO = MacAddress.parse("02:00:00:00:00:02");

    private final NetworkNamespace host = NetworkNamespace.create();
    private final NetworkNamespace pod = NetworkNamespace.create();
    private final Netlink inHost = host.netlink();
    private final Netlink inPod = pod.netlink();

    @AfterEach
    void close() {
        inHost.close();
        inPod.close();
        host.close();
        pod.close();
    }

    @Test
    void makesAVethPairWhosePeerAppearsInAnotherNamespace() {
        inHost.addVeth(new VethEnd("pl0", ONE, 1450, true, null), new VethEnd("eth0", TWO, 1400, false, pod));

        Link near = inHost.link("pl0").orElseThrow();
        Link far = inPod.link("eth0").orElseThrow();
        assertThat(near).isEqualTo(new Link(near.index(), "pl0", ONE, 1450, false, true, "veth", far.index()));
        assertThat(far).isEqualTo(new Link(far.index(), "eth0", TWO, 1400, false, false, "veth", near.index()));
        assertThat(inHost.link("eth0")).isEmpty();
        assertThat(inHost.link(near.index())).contains(near);
        assertThat(inHost.links()).extracting(Link::name).containsExactlyInAnyOrder("lo", "pl0");
    }

    @Test
    void carriesDatagramsOfBothFamiliesOverWhatItConfigured() throws Exception {
        InetAddress ipv4 = InetAddress.ofLiteral("10.9.0.2");
        InetAddress ipv6 = InetAddress.ofLiteral("fd00:9::2");
        inHost.addVeth(new VethEnd("pl0", ONE, 1450, true, null), new VethEnd("eth0", TWO, 1450, true, pod));
        int near = inHost.link("pl0").orElseThrow().index();
        int far = inPod.link("eth0").orElseThrow().index();
        inHost.change(near, LinkChange.toUp());
        inPod.change(far, LinkChange.toUp());
        for (InetAddress address : List.of(ipv4, ipv6)) {
            inPod.addAddress(far, Subnet.host(address));
            inPod.putRoute(Route.via(
                    Subnet.all(address.equals(ipv6)),
                    far,
                    InetAddress.ofLiteral(address.equals(ipv6) ? "fe80::1" : "169.254.1.1")));
            inHost.addAddress(
                    near, Subnet.host(InetAddress.ofLiteral(address.equals(ipv6) ? "fd00:9::1" : "10.9.0.1")));
            inHost.putRoute(Route.link(Subnet.host(address), near));
            inHost.putNeighbour(near, address, TWO);
        }
        inPod.putNeighbour(far, InetAddress.ofLiteral("169.254.1.1"), ONE);
        inPod.putNeighbour(far, InetAddress.ofLiteral("fe80::1"), ONE);

        String overIpv4 = ask(ipv4);
        String overIpv6 = ask(ipv6);

        assertThat(overIpv4).isEqualTo("from 10.9.0.1");
        assertThat(overIpv6).isEqualTo("from fd00:9:0:0:0:0:0:1");
    }

    @Test
    void anAddressIsUsableAtOnceAndBringsNoRoute() {
        inHost.addVeth(new VethEnd("a", ONE, 1450, true, null), new VethEnd("b", TWO, 1450, true, null));
        int device = inHost.link("a").orElseThrow().index();
        inHost.change(device, LinkChange.toUp());
        inHost.change(inHost.link("b").orElseThrow().index(), LinkChange.toUp());
        var ipv6 = new Subnet(InetAddress.ofLiteral("fd00:9::1"), 64);
        var ipv4 = new Subnet(InetAddress.ofLiteral("10.9.0.1"), 24);

        inHost.addAddress(device, ipv6);
        inHost.addAddress(device, ipv6);
        inHost.addAddress(device, ipv4);

        assertThat(inHost.addresses())
                .contains(
                        new InterfaceAddress(device, ipv6, true, true), new InterfaceAddress(device, ipv4, true, true));
        assertThat(inHost.routes())
                .extracting(Route::destination)
                .doesNotContain(
                        new Subnet(InetAddress.ofLiteral("fd00:9::"), 64),
                        new Subnet(InetAddress.ofLiteral("10.9.0.0"), 24));
        assertThat(inHost.deleteAddress(device, ipv4)).isTrue();
        assertThat(inHost.deleteAddress(device, ipv4)).isFalse();
    }

    @Test
    void readsBackEveryRouteThatItWrote() {
        inHost.addVeth(new VethEnd("a", ONE, 1450, true, null), new VethEnd("b", TWO, 1450, true, null));
        int device = inHost.link("a").orElseThrow().index();
        inHost.change(device, LinkChange.toUp());
        inHost.change(inHost.link("b").orElseThrow().index(), LinkChange.toUp());
        InetAddress own = InetAddress.ofLiteral("10.9.0.1");
        inHost.addAddress(device, Subnet.host(own));
        var direct = Route.link(new Subnet(InetAddress.ofLiteral("10.8.0.0"), 16), device)
                .withSource(own);
        var gateway = Route.via(Subnet.all(false), device, InetAddress.ofLiteral("169.254.1.1"));
        var measured = new Route(
                new Subnet(InetAddress.ofLiteral("fd00:8::"), 48),
                device,
                InetAddress.ofLiteral("fe80::1"),
                true,
                null,
                1400);
        List<Route> many = IntStream.range(0, 2000)
                .mapToObj(i -> Route.link(
                        new Subnet(InetAddress.ofLiteral("10.%d.%d.0".formatted(16 + i / 256, i % 256)), 24), device))
                .toList();

        List.of(direct, gateway, measured).forEach(inHost::putRoute);
        many.forEach(inHost::putRoute);
        inHost.putRoute(direct);

        assertThat(inHost.routes()).contains(direct, gateway, measured).containsAll(many);
        assertThat(inHost.deleteRoute(direct)).isTrue();
        assertThat(inHost.deleteRoute(direct)).isFalse();
        assertThat(inHost.routes()).doesNotContain(direct).contains(gateway);
    }

    @Test
    void changesNameAddressMtuAndStateOfADevice() {
        inHost.addVeth(new VethEnd("a", ONE, 1450, true, null), new VethEnd("b", TWO, 1450, true, null));
        int device = inHost.link("a").orElseThrow().index();

        inHost.change(
                device, LinkChange.toName("renamed").withMtu(9000).withMac(TWO).withArp(false));
        inHost.change(device, LinkChange.toUp());

        Link changed = inHost.link("renamed").orElseThrow();
        assertThat(changed.mtu()).isEqualTo(9000);
        assertThat(changed.mac()).isEqualTo(TWO);
        assertThat(changed.up()).isTrue();
        assertThat(changed.arp()).isFalse();
        inHost.change(device, LinkChange.toDown());
        assertThat(inHost.link(device).orElseThrow().up()).isFalse();
    }

    @Test
    void makesAVxlanDeviceThatLeavesTheTunnelKeysToBpf() {
        inHost.addVxlan("vx", ONE, 1450, 8472);

        Link vxlan = inHost.link("vx").orElseThrow();
        assertThat(vxlan.kind()).isEqualTo("vxlan");
        assertThat(vxlan.mac()).isEqualTo(ONE);
        assertThat(vxlan.mtu()).isEqualTo(1450);
        // the kernel gives a port to one such device only
        inHost.change(vxlan.index(), LinkChange.toUp());
        assertThatThrownBy(() -> inHost.addVxlan("vy", TWO, 1450, 8472))
                .isInstanceOf(NetlinkException.class)
                .hasMessageStartingWith("create vxlan device vy: File exists");
    }

    @Test
    void deletesADeviceOnce() {
        inHost.addVeth(new VethEnd("pl0", ONE, 1450, true, null), new VethEnd("eth0", TWO, 1450, true, pod));
        int device = inHost.link("pl0").orElseThrow().index();

        assertThat(inHost.deleteLink(device)).isTrue();
        assertThat(inHost.deleteLink(device)).isFalse();
        assertThat(inPod.link("eth0")).isEmpty();
    }

    @Test
    void aRefusalNamesTheOperationTheDeviceAndTheKernelsReason() {
        inHost.addVeth(new VethEnd("pl0", ONE, 1450, true, null), new VethEnd("eth0", TWO, 1450, true, pod));
        int lo = inHost.link("lo").orElseThrow().index();

        assertThatThrownBy(() -> inHost.addVeth(
                        new VethEnd("pl1", ONE, 1450, true, null), new VethEnd("eth0", TWO, 1450, true, pod)))
                .isInstanceOfSatisfying(
                        NetlinkException.class, e -> assertThat(e.exists()).isTrue())
                .hasMessage("create veth pair pl1, eth0: File exists");
        assertThat(inHost.link("pl1")).isEmpty();
        assertThatThrownBy(
                        () -> inHost.putRoute(Route.via(Subnet.all(false), lo, InetAddress.ofLiteral("169.254.1.1"))))
                .isInstanceOf(NetlinkException.class)
                .hasMessageMatching("add route 0.0.0.0/0 via 169.254.1.1 by device 1: .+ \\(.+\\)");
        assertThatThrownBy(() -> inHost.change(4711, LinkChange.toUp()))
                .isInstanceOfSatisfying(
                        NetlinkException.class, e -> assertThat(e.isGone()).isTrue())
                .hasMessageContaining("device 4711");
    }

    @Test
    void pathsThatAreNoNetworkNamespaceAreRefused() throws IOException {
        Path file = Files.createTempFile("pilus", "netns");

        assertThatThrownBy(() -> NetworkNamespace.open(Path.of("/run/netns/pilus-there-is-none")))
                .hasMessage("open network namespace /run/netns/pilus-there-is-none: No such file or directory");
        assertThatThrownBy(() -> NetworkNamespace.open(file))
                .hasMessage("open network namespace " + file + ": Invalid argument (the file is no network namespace)");
        assertThatThrownBy(() -> NetworkNamespace.open(Path.of("/proc/self/ns/mnt")))
                .hasMessageContaining("the file is no network namespace");
        Files.delete(file);
    }

    @Test
    void tasksRunInsideWithoutChangingTheCaller() throws Exception {
        List<Link> inside = host.call(() -> {
            try (Netlink there = Netlink.open()) {
                return there.links();
            }
        });
        long own;
        try (NetworkNamespace current = NetworkNamespace.current()) {
            own = current.inode();
        }

        assertThat(inside).extracting(Link::name).containsExactly("lo");
        assertThat(own).isNotEqualTo(host.inode());
        try (NetworkNamespace again = NetworkNamespace.open(host.path())) {
            assertThat(again.inode()).isEqualTo(host.inode());
            assertThat(again.cookie())
                    .isEqualTo(host.cookie())
                    .isNotEqualTo(pod.cookie())
                    .isNotZero();
        }
        assertThatThrownBy(() -> host.call(() -> {
                    throw new IOException("said the task");
                }))
                .hasRootCauseMessage("said the task");
    }

    @Test
    void settingsStayInTheirNamespace() {
        host.sysctls(Map.of("net/ipv4/conf/default/rp_filter", "2"));
        pod.sysctls(Map.of("net/ipv4/conf/default/rp_filter", "1"));

        Callable<String> read = () -> Files.readString(Path.of("/proc/sys/net/ipv4/conf/default/rp_filter"))
                .strip();
        assertThat(host.call(read)).isEqualTo("2");
        assertThat(pod.call(read)).isEqualTo("1");
        assertThatThrownBy(() -> host.sysctls(Map.of("net/ipv4/conf/none/rp_filter", "1")))
                .hasRootCauseInstanceOf(java.nio.file.NoSuchFileException.class);
    }

    @Test
    void manyThreadsShareOneConnection() throws Exception {
        try (var executor = Executors.newFixedThreadPool(16)) {
            var tasks = IntStream.range(0, 64)
                    .mapToObj(i -> executor.submit(() -> {
                        inHost.addVeth(
                                new VethEnd("h" + i, ONE, 1450, true, null),
                                new VethEnd("p" + i, TWO, 1450, true, pod));
                        Link link = inHost.link("h" + i).orElseThrow();
                        inHost.change(link.index(), LinkChange.toUp());
                        if (i % 2 == 0) {
                            inHost.deleteLink(link.index());
                        }
                        return link.name();
                    }))
                    .toList();
            for (int i = 0; i < tasks.size(); i++) {
                assertThat(tasks.get(i).get()).isEqualTo("h" + i);
            }
        }

        assertThat(inHost.links()).hasSize(1 + 32);
        assertThat(inPod.links()).hasSize(1 + 32);
    }

    /** Sends a datagram from the host to the pod, which answers with the sender's address. */
    private String ask(InetAddress pods) throws IOException {
        try (DatagramSocket server = pod.call(() -> new DatagramSocket(new InetSocketAddress(pods, 0)));
                DatagramSocket client = host.call(DatagramSocket::new)) {
            server.setSoTimeout(5000);
            client.setSoTimeout(5000);
            client.send(new DatagramPacket(new byte[] {1}, 1, server.getLocalSocketAddress()));
            var asked = new DatagramPacket(new byte[1], 1);
            server.receive(asked);
            byte[] reply =
                    ("from " + asked.getAddress().getHostAddress()).getBytes(java.nio.charset.StandardCharsets.UTF_8);
            server.send(new DatagramPacket(reply, reply.length, asked.getSocketAddress()));
            var answer = new DatagramPacket(new byte[100], 100);
            client.receive(answer);
            return new String(answer.getData(), 0, answer.getLength(), java.nio.charset.StandardCharsets.UTF_8);
        }
    }
}

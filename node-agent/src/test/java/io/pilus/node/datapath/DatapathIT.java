package io.pilus.node.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.libbpf.BpfLink;
import io.pilus.netlink.Link;
import io.pilus.netlink.LinkChange;
import io.pilus.netlink.MacAddress;
import io.pilus.netlink.Route;
import io.pilus.netlink.Subnet;
import io.pilus.netlink.VethEnd;
import io.pilus.node.testing.TestNode;
import java.net.InetAddress;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DatapathIT {

    private static final MacAddress MAC = MacAddress.parse("02:00:00:00:00:01");
    private static final ByteString POD = Prefixes.parseAddress("10.200.0.7");

    private final TestNode node = new TestNode();

    @AfterEach
    void close() {
        node.close();
    }

    @Test
    void makesItsDevicesAndAttachesItsPrograms() {
        node.datapath();

        Link host = node.netlink().link("pilus_host").orElseThrow();
        Link net = node.netlink().link("pilus_net").orElseThrow();
        Link overlay = node.netlink().link("pilus_vxlan").orElseThrow();
        assertThat(host.peer()).isEqualTo(net.index());
        assertThat(List.of(host, net)).allSatisfy(link -> {
            assertThat(link.mac()).isEqualTo(Devices.GATEWAY);
            assertThat(link.mtu()).isEqualTo(1450);
            assertThat(link.up()).isTrue();
            assertThat(link.arp()).isFalse();
        });
        assertThat(overlay.mtu()).isEqualTo(1450);
        assertThat(overlay.up()).isTrue();
        assertThat(attachment("from_host").ifindex()).isEqualTo(net.index());
        assertThat(attachment("from_overlay").ifindex()).isEqualTo(overlay.index());
        assertThat(attachment("from_netdev").ifindex()).isEqualTo(node.index("eth0"));
    }

    @Test
    void knowsTheNodesOwnAddresses() {
        Datapath datapath = node.datapath();

        assertThat(datapath.addresses())
                .containsExactlyInAnyOrder(Prefixes.parseAddress(TestNode.IPV4), Prefixes.parseAddress(TestNode.IPV6));
        assertThat(datapath.destinations().get(Prefixes.parseAddress(TestNode.IPV4)))
                .contains(Destination.thisNode(1));
        node.netlink().deleteAddress(node.index("eth0"), new Subnet(InetAddress.ofLiteral(TestNode.IPV6), 64));
        datapath.converge();
        assertThat(datapath.addresses()).containsExactly(Prefixes.parseAddress(TestNode.IPV4));
        assertThat(datapath.destinations().get(Prefixes.parseAddress(TestNode.IPV6)))
                .isEmpty();
    }

    @Test
    void openedAgainItTakesOverLinksMapsAndDevices() {
        Datapath first = node.datapath();
        first.destinations().put(POD, Destination.local(300, 5, 1, 1, MAC));
        pod(first, "pl1");
        var before = List.of(attachment("from_host"), attachment("from_overlay"), attachment("pod-pl1"));

        Datapath second = node.datapath();

        var after = List.of(attachment("from_host"), attachment("from_overlay"), attachment("pod-pl1"));
        assertThat(after)
                .extracting(BpfLink.Attachment::id)
                .isEqualTo(before.stream().map(BpfLink.Attachment::id).toList());
        assertThat(after)
                .extracting(BpfLink.Attachment::ifindex)
                .isEqualTo(before.stream().map(BpfLink.Attachment::ifindex).toList());
        assertThat(after)
                .extracting(BpfLink.Attachment::programId)
                .doesNotContainAnyElementsOf(
                        before.stream().map(BpfLink.Attachment::programId).toList());
        assertThat(second.destinations().get(POD)).contains(Destination.local(300, 5, 1, 1, MAC));
        assertThat(second.connections().entries()).isEmpty();
    }

    @Test
    void linksOfInterfacesThatAreGoneAreCleanedUp() {
        Datapath first = node.datapath();
        int index = pod(first, "pl1");
        pod(first, "pl2");
        node.netlink().deleteLink(index);

        Datapath second = node.datapath();

        assertThat(second.attachedPods()).containsExactly("pl2");
        int again = pod(second, "pl1");
        assertThat(attachment("pod-pl1").ifindex()).isEqualTo(again);
        second.detachPod("pl1");
        second.detachPod("pl1");
        assertThat(second.attachedPods()).containsExactly("pl2");
    }

    @Test
    void routesToPoolsLeadThroughItWithTheNodesAddress() {
        Datapath datapath = node.datapath();
        int host = node.index("pilus_host");

        datapath.pools(List.of(Prefixes.parse("10.200.0.0/16"), Prefixes.parse("fd00:200::/48")));

        var ipv4 = new Route(
                new Subnet(InetAddress.ofLiteral("10.200.0.0"), 16),
                host,
                null,
                false,
                InetAddress.ofLiteral(TestNode.IPV4),
                0);
        var ipv6 = new Route(
                new Subnet(InetAddress.ofLiteral("fd00:200::"), 48),
                host,
                null,
                false,
                InetAddress.ofLiteral(TestNode.IPV6),
                0);
        assertThat(node.netlink().routes()).contains(ipv4, ipv6);
        node.netlink().deleteRoute(ipv4);
        datapath.converge();
        assertThat(node.netlink().routes()).contains(ipv4, ipv6);
        datapath.pools(List.of(Prefixes.parse("fd00:200::/48")));
        assertThat(node.netlink().routes()).contains(ipv6).doesNotContain(ipv4);
    }

    @Test
    void aRestartedAgentLeavesRoutesUntilItKnowsThePools() {
        node.datapath().pools(List.of(Prefixes.parse("10.200.0.0/16")));

        Datapath second = node.datapath();

        var pool = new Subnet(InetAddress.ofLiteral("10.200.0.0"), 16);
        assertThat(node.netlink().routes()).extracting(Route::destination).contains(pool);
        second.pools(List.of());
        assertThat(node.netlink().routes()).extracting(Route::destination).doesNotContain(pool);
    }

    @Test
    void whatSomebodyRemovesOrChangesIsPutRight() {
        Datapath datapath = node.datapath();
        int podLink = pod(datapath, "pl1");
        datapath.pools(List.of(Prefixes.parse("10.200.0.0/16")));
        int program = attachment("pod-pl1").programId();
        node.netlink().deleteLink(node.index("pilus_host"));
        node.netlink().deleteLink(node.index("pilus_vxlan"));
        node.netlink().change(node.index("eth0"), LinkChange.toUp().withMtu(1400));

        datapath.converge();

        assertThat(node.netlink().link("pilus_host").orElseThrow().mtu()).isEqualTo(1350);
        assertThat(node.netlink().link("pilus_vxlan").orElseThrow().mtu()).isEqualTo(1350);
        assertThat(datapath.podMtu()).isEqualTo(1350);
        assertThat(attachment("from_host").ifindex()).isEqualTo(node.index("pilus_net"));
        assertThat(attachment("from_overlay").ifindex()).isEqualTo(node.index("pilus_vxlan"));
        assertThat(attachment("pod-pl1").ifindex()).isEqualTo(podLink);
        assertThat(attachment("pod-pl1").programId()).isNotEqualTo(program);
        assertThat(node.netlink().routes()).anySatisfy(route -> {
            assertThat(route.destination().length()).isEqualTo(16);
            assertThat(route.ifindex()).isEqualTo(node.index("pilus_host"));
        });
    }

    @Test
    void nothingIsLoadedAgainWhenNothingChanged() {
        Datapath datapath = node.datapath();
        var before = attachment("from_host");

        datapath.converge();

        assertThat(attachment("from_host")).isEqualTo(before);
    }

    @Test
    void withNativeRoutingThereIsNoOverlay() {
        node.datapath();
        Datapath datapath = node.datapath("routing", "native");

        assertThat(node.netlink().link("pilus_vxlan")).isEmpty();
        assertThat(datapath.podMtu()).isEqualTo(1500);
        assertThat(node.directory().resolve("bpffs/pilus/links/from_overlay")).doesNotExist();
    }

    @Test
    void anUplinkThatIsNotThereIsNamed() {
        assertThatThrownBy(() -> node.datapath("uplink", "bond7"))
                .hasMessage(
                        "there is no device 'bond7' on this node; set pilus.node.uplink to the device that leads to the other nodes");
        node.netlink().addVeth(new VethEnd("bare", MAC, 1500, true, null), new VethEnd("other", MAC, 1500, true, null));
        assertThatThrownBy(() -> node.datapath("uplink", "bare"))
                .hasMessageStartingWith("the device 'bare' has no address by which other nodes could reach this one");
    }

    @Test
    void aFullMapKeepsWhatItHas() {
        Datapath datapath = node.datapath("max-map-entries", "4096");
        TypedMap<Integer, Endpoint> endpoints = datapath.endpoints();
        var endpoint = new Endpoint(POD, ByteString.EMPTY, 1, 300, 1, MAC, MAC, 1450);
        for (int i = 1; i <= endpoints.capacity(); i++) {
            endpoints.put(i, endpoint);
        }

        assertThatThrownBy(() -> endpoints.put(endpoints.capacity() + 1, endpoint))
                .isInstanceOf(MapFullException.class)
                .hasMessage("the datapath's map endpoints_v1 is full with " + endpoints.capacity() + " entries");

        assertThat(endpoints.entries()).hasSize(endpoints.capacity());
        assertThat(endpoints.remove(1)).isTrue();
        assertThat(endpoints.remove(1)).isFalse();
        endpoints.put(endpoints.capacity() + 1, endpoint);
    }

    @Test
    void pinsNeedAMountedFileSystemOnlyOnce() throws Exception {
        node.datapath();

        assertThat(Files.getFileStore(node.directory().resolve("bpffs/pilus/maps"))
                        .type())
                .isEqualTo("bpf");
    }

    private int pod(Datapath datapath, String hostInterface) {
        node.netlink()
                .addVeth(
                        new VethEnd(hostInterface, MAC, 1450, true, null),
                        new VethEnd("x" + hostInterface, MAC, 1450, true, null));
        datapath.attachPod(hostInterface, node.index(hostInterface));
        return node.index(hostInterface);
    }

    private BpfLink.Attachment attachment(String name) {
        try (BpfLink link =
                BpfLink.pinned(node.directory().resolve("bpffs/pilus/links").resolve(name))) {
            return link.info();
        }
    }
}

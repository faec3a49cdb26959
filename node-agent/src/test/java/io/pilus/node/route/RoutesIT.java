package io.pilus.node.route;

import static io.pilus.contract.Prefixes.parse;
import static io.pilus.contract.Prefixes.parseAddress;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.pilus.contract.Identities;
import io.pilus.contract.Keys;
import io.pilus.contract.TunnelMacs;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.NodeAddresses;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.contract.v1.Prefix;
import io.pilus.netlink.MacAddress;
import io.pilus.node.datapath.Destination;
import io.pilus.node.datapath.MapsFixture;
import io.pilus.node.datapath.Range;
import io.pilus.node.state.ClusterFixture;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RoutesIT {

    private static final ByteString NODE_A = parseAddress("192.0.2.1");
    private static final ByteString NODE_B = parseAddress("192.0.2.2");
    private static final ByteString NODE_B6 = parseAddress("2001:db8::2");
    private static final ByteString POD = parseAddress("10.0.1.5");
    private static final ByteString POD6 = parseAddress("fd00::1:5");

    @TempDir
    Path directory;

    private ClusterFixture cluster;
    private MapsFixture maps;
    private Destinations destinations;
    private Routes routes;

    @BeforeEach
    void open() throws IOException {
        cluster = new ClusterFixture(directory);
        maps = new MapsFixture(Map.of());
        destinations = new Destinations(maps.destinations());
        routes = routes();
    }

    @AfterEach
    void close() throws IOException {
        cluster.close();
        maps.close();
    }

    @Test
    void aPodOfAnotherNodeIsReachedByItsNodesAddress() {
        apply(node("b", NODE_B6, NODE_B).put(Keys.endpoint("b", "u1"), pod("b", "u1", 300, POD, POD6)));

        assertThat(found(POD)).isEqualTo(Destination.remote(NODE_B, 300, mac("b")));
        assertThat(found(POD6)).isEqualTo(Destination.remote(NODE_B, 300, mac("b")));
    }

    @Test
    void theFamilyUnderneathIsOneThatBothNodesHave() {
        apply(node("a", parseAddress("2001:db8::1")));
        apply(node("b", NODE_B, NODE_B6).put(Keys.endpoint("b", "u1"), pod("b", "u1", 300, POD)));

        assertThat(found(POD)).isEqualTo(Destination.remote(NODE_B6, 300, mac("b")));
    }

    @Test
    void nativelyTheNextHopIsOfThePodsOwnFamily() {
        routes = routes(true);

        apply(node("b", NODE_B6, NODE_B).put(Keys.endpoint("b", "u1"), pod("b", "u1", 300, POD, POD6)));

        assertThat(found(POD)).isEqualTo(Destination.remote(NODE_B, 300, mac("b")));
        assertThat(found(POD6)).isEqualTo(Destination.remote(NODE_B6, 300, mac("b")));
    }

    @Test
    void aPodWhoseNodeIsNotKnownIsNotThereUntilItIs() {
        apply(cluster.put(Keys.endpoint("b", "u1"), pod("b", "u1", 300, POD)));
        assertThat(maps.destinations().entries()).isEmpty();

        apply(node("b", NODE_B));
        assertThat(found(POD)).isEqualTo(Destination.remote(NODE_B, 300, mac("b")));

        apply(node("b", parseAddress("192.0.2.22")));
        assertThat(found(POD)).isEqualTo(Destination.remote(parseAddress("192.0.2.22"), 300, mac("b")));
        assertThat(maps.destinations().get(NODE_B)).isEmpty();
    }

    @Test
    void nodesAreNodes() {
        apply(node("a", NODE_A));
        apply(node("b", NODE_B));

        assertThat(found(NODE_A)).isEqualTo(Destination.thisNode(Identities.HOST));
        assertThat(found(NODE_B)).isEqualTo(Destination.node(NODE_B, Identities.REMOTE_NODE, mac("b")));
    }

    @Test
    void anEndpointThatIsWithdrawnAfterItsAddressWentToAnotherLeavesThatOneAlone() {
        apply(node("b", NODE_B));
        apply(node("c", parseAddress("192.0.2.3")));
        apply(cluster.put(Keys.endpoint("b", "old"), pod("b", "old", 300, POD)));
        apply(cluster.put(Keys.endpoint("c", "new"), pod("c", "new", 301, POD)));
        assertThat(found(POD)).isEqualTo(Destination.remote(parseAddress("192.0.2.3"), 301, mac("c")));

        apply(cluster.delete(Keys.endpoint("b", "old")));
        assertThat(found(POD)).isEqualTo(Destination.remote(parseAddress("192.0.2.3"), 301, mac("c")));

        apply(cluster.delete(Keys.endpoint("c", "new")));
        assertThat(maps.destinations().get(POD)).isEmpty();
    }

    @Test
    void whatIsAttachedHereBeatsWhatIsPublished() {
        var local = Destination.local(302, 7, 3, 1, mac("pod"));
        apply(node("b", NODE_B).put(Keys.endpoint("b", "u1"), pod("b", "u1", 300, POD)));

        destinations.putLocal(POD, local);
        apply(cluster.put(Keys.endpoint("b", "u1"), pod("b", "u1", 305, POD)));
        assertThat(found(POD)).isEqualTo(local);

        destinations.removeLocal(POD);
        assertThat(found(POD)).isEqualTo(Destination.remote(NODE_B, 305, mac("b")));
    }

    @Test
    void anEndpointThatMovesToOtherAddressesLeavesNothingBehind() {
        apply(node("b", NODE_B).put(Keys.endpoint("b", "u1"), pod("b", "u1", 300, POD)));

        apply(cluster.put(Keys.endpoint("b", "u1"), pod("b", "u1", 300, POD6)));

        assertThat(maps.destinations().get(POD)).isEmpty();
        assertThat(found(POD6)).isEqualTo(Destination.remote(NODE_B, 300, mac("b")));
    }

    @Test
    void afterARestartOnlyTheDifferenceIsWritten() {
        var local = Destination.local(302, 7, 3, 1, mac("pod"));
        apply(node("b", NODE_B).put(Keys.endpoint("b", "u1"), pod("b", "u1", 300, POD)));
        apply(cluster.put(Keys.endpoint("b", "u2"), pod("b", "u2", 301, POD6)));
        destinations.putLocal(parseAddress("10.0.0.9"), local);
        cluster.delete(Keys.endpoint("b", "u1")).commit();

        destinations = new Destinations(maps.destinations());
        routes = routes();
        routes.start();

        assertThat(maps.destinations().entries())
                .containsOnly(
                        Map.entry(NODE_B, Destination.node(NODE_B, Identities.REMOTE_NODE, mac("b"))),
                        Map.entry(POD6, Destination.remote(NODE_B, 301, mac("b"))),
                        Map.entry(parseAddress("10.0.0.9"), local));
    }

    @Test
    void aFullMapKeepsWhatItHasAndSaysWhatItRefused() throws IOException {
        maps.close();
        maps = new MapsFixture(Map.of("destinations_v1", 2));
        destinations = new Destinations(maps.destinations());
        routes = routes();
        apply(node("b", NODE_B).put(Keys.endpoint("b", "u1"), pod("b", "u1", 300, POD)));

        apply(cluster.put(Keys.endpoint("b", "u2"), pod("b", "u2", 301, POD6)));

        assertThat(found(POD)).isEqualTo(Destination.remote(NODE_B, 300, mac("b")));
        assertThat(routes.errors())
                .singleElement()
                .satisfies(error -> assertThat(error.getMessage()).contains("fd00::1:5"));

        apply(cluster.delete(Keys.endpoint("b", "u1")));

        assertThat(found(POD6)).isEqualTo(Destination.remote(NODE_B, 301, mac("b")));
        assertThat(routes.errors()).isEmpty();
    }

    @Test
    void poolsAndBlocksAreRanges() {
        Prefix pool = parse("10.0.0.0/16");
        Prefix mine = parse("10.0.0.0/26");
        Prefix theirs = parse("10.0.1.0/26");
        Prefix resting = parse("10.0.2.0/26");
        apply(node("b", NODE_B));
        apply(cluster.put(
                Keys.clusterPool("default"),
                PoolRanges.newBuilder().setName("default").addRanges(pool).build()));
        apply(block(mine, "a"));
        apply(block(theirs, "b"));
        apply(block(resting, ""));

        assertThat(maps.ranges().entries())
                .containsOnly(
                        Map.entry(pool, new Range(ByteString.EMPTY, new MacAddress(0), Range.POOL)),
                        Map.entry(
                                mine,
                                new Range(
                                        ByteString.EMPTY,
                                        new MacAddress(0),
                                        Range.POOL | Range.BLOCK | Range.THIS_NODE)),
                        Map.entry(theirs, new Range(NODE_B, mac("b"), Range.POOL | Range.BLOCK)));
        assertThat(routes.pools()).containsExactly(pool);

        apply(cluster.delete(Keys.clusterBlock("default", theirs)));

        assertThat(maps.ranges().entries()).containsOnlyKeys(pool, mine);
    }

    private void apply(ClusterFixture revision) {
        routes.apply(revision.commit());
    }

    private Routes routes() {
        return routes(false);
    }

    private Routes routes(boolean natively) {
        var made =
                new Routes("a", natively, cluster.view(), new AddressBook(), destinations, new Ranges(maps.ranges()));
        made.start();
        return made;
    }

    private Destination found(ByteString address) {
        return maps.destinations().get(address).orElseThrow();
    }

    private ClusterFixture node(String name, ByteString... addresses) {
        return cluster.put(
                Keys.clusterNode(name),
                NodeAddresses.newBuilder()
                        .setName(name)
                        .addAllAddresses(List.of(addresses))
                        .build());
    }

    private ClusterFixture block(Prefix block, String node) {
        return cluster.put(
                Keys.clusterBlock("default", block),
                BlockOwner.newBuilder()
                        .setPool("default")
                        .setBlock(block)
                        .setNode(node)
                        .build());
    }

    private static Endpoint pod(String node, String uid, int identity, ByteString... addresses) {
        return Endpoint.newBuilder()
                .setUid(uid)
                .setNode(node)
                .setNamespace("shop")
                .setName("pod-" + uid)
                .setIdentity(identity)
                .addAllAddresses(List.of(addresses))
                .build();
    }

    private static MacAddress mac(String node) {
        return MacAddress.of(TunnelMacs.of(node));
    }
}

package io.pilus.ipam.block;

import static io.pilus.contract.Prefixes.parse;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import io.etcd.jetcd.Client;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.Leader;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.Pool;
import io.pilus.contract.v1.PoolDemand;
import io.pilus.contract.v1.Prefix;
import io.pilus.etcd.EtcdClients;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership;
import io.pilus.etcd.Leadership.Term;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.Versioned;
import io.pilus.ipam.block.BlockIndex.Defined;
import io.pilus.ipam.block.BlockIndex.Demanded;
import io.pilus.ipam.block.Granter.Round;
import io.pilus.testing.etcd.EtcdProcess;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

/** The leader's decisions against a real etcd, by replicas whose indexes the test lets lag behind as it likes. */
@TestInstance(Lifecycle.PER_CLASS)
class GranterIT {

    private static final Duration REST = Duration.ofMinutes(10);
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

    private final TestSettings.Ipam config = new TestSettings.Ipam(REST, 2000);

    private EtcdProcess etcd;
    private Client client;
    private EtcdStore store;
    private Term term;
    private Replica replica;

    @BeforeAll
    void start() throws Exception {
        etcd = EtcdProcess.start();
        var settings = new TestSettings.Etcd(List.of(etcd.endpoint()));
        client = EtcdClients.open(settings);
        store = new EtcdStore(client, settings);
    }

    @AfterAll
    void stop() {
        client.close();
        etcd.close();
    }

    @BeforeEach
    void lead() {
        etcd.clear();
        term = newTerm();
        replica = new Replica(START);
    }

    @AfterEach
    void holdsTogether() {
        checkConsistency();
    }

    @Test
    void grantsTheFirstBlocksOfTheDefaultPoolBeforeANodeAsks() {
        pool("default", "10.0.0.0/16", "fd00::/48");
        pool("other", "10.1.0.0/16");
        node("n1");

        replica.work();

        assertThat(blocksOf("n1")).containsExactlyInAnyOrder("10.0.0.0/26", "fd00::/122");
        var owner =
                store.get(Keys.clusterBlock("default", parse("10.0.0.0/26"))).orElseThrow();
        var copy =
                store.get(Keys.nodeBlock("n1", "default", parse("10.0.0.0/26"))).orElseThrow();
        assertThat(owner.value().getNode()).isEqualTo("n1");
        assertThat(copy.modRevision()).isEqualTo(owner.modRevision());
    }

    @Test
    void grantsWhatIsWantedInAllAndNotAgainForTheSameDemand() {
        pool("p", "10.0.0.0/16");
        node("n1");
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(100).build());

        replica.work();
        replica.index.touchAll();
        replica.work();
        replica.read();
        replica.index.touchAll();
        replica.work();

        assertThat(blocksOf("n1")).containsExactly("10.0.0.0/26", "10.0.0.64/26");
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(128).build());
        replica.work();
        assertThat(blocksOf("n1")).hasSize(3);
    }

    @Test
    void takesBackOnlyWhatIsStillOffered() {
        pool("p", "10.0.0.0/24");
        node("n1");
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(100).build());
        replica.work();
        PoolDemand offer = PoolDemand.newBuilder()
                .setPool("p")
                .setWantedIpv4(20)
                .addOffered(parse("10.0.0.64/26"))
                .build();
        demand("n1", offer);
        replica.read();
        demand("n1", offer.toBuilder().clearOffered().setWantedIpv4(100).build());

        replica.workWithoutReading();
        assertThat(blocksOf("n1")).hasSize(2);

        demand("n1", offer.toBuilder().addOffered(parse("10.0.0.128/26")).build());
        replica.work();
        assertThat(blocksOf("n1")).containsExactly("10.0.0.0/26");
        assertThat(store.get(Keys.clusterBlock("p", parse("10.0.0.64/26"))))
                .hasValueSatisfying(block -> assertThat(block.value())
                        .isEqualTo(BlockOwner.newBuilder()
                                .setPool("p")
                                .setBlock(parse("10.0.0.64/26"))
                                .setRestingSinceEpochMs(START.toEpochMilli())
                                .build()));
    }

    @Test
    void aBlockThatCameBackRestsAlsoOverAChangeOfLeaders() {
        pool("p", "10.0.0.0/26");
        node("n1");
        node("n2");
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(1).build());
        replica.work();
        demand(
                "n1",
                PoolDemand.newBuilder()
                        .setPool("p")
                        .addOffered(parse("10.0.0.0/26"))
                        .build());
        replica.work();
        demand("n2", PoolDemand.newBuilder().setPool("p").setWantedIpv4(1).build());

        term = newTerm();
        replica = new Replica(START.plus(REST).minusMillis(1));
        replica.work();
        assertThat(blocksOf("n2")).isEmpty();
        assertThat(replica.index.shortages()).singleElement().satisfies(shortage -> {
            assertThat(shortage.node()).isEqualTo("n2");
            assertThat(shortage.cause()).isEqualTo(Shortage.Cause.EXHAUSTED);
        });

        replica = new Replica(START.plus(REST));
        replica.work();
        assertThat(blocksOf("n2")).containsExactly("10.0.0.0/26");
    }

    @Test
    void aDeposedLeaderGrantsNothing() {
        pool("p", "10.0.0.0/16");
        node("n1");
        Term deposed = term;
        term = newTerm();
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(1).build());

        replica.read();
        assertThat(replica.granter.work(deposed)).isEqualTo(Round.STALE);
        assertThat(blocksOf("n1")).isEmpty();

        replica.work();
        assertThat(blocksOf("n1")).hasSize(1);
        demand(
                "n1",
                PoolDemand.newBuilder()
                        .setPool("p")
                        .addOffered(parse("10.0.0.0/26"))
                        .build());
        replica.read();
        replica.granter.work(deposed);
        assertThat(blocksOf("n1")).hasSize(1);
    }

    @Test
    void leadersThatComeAndGoGrantEachNodeWhatItWantsOnce() throws Exception {
        pool("default", "10.0.0.0/18", "fd00::/48");
        pool("p", "10.1.0.0/16");
        for (int i = 0; i < 40; i++) {
            node("n" + i);
        }
        var done = new AtomicBoolean();
        List<CompletableFuture<Void>> replicas = new ArrayList<>();
        for (String name : List.of("a", "b", "c")) {
            replicas.add(CompletableFuture.runAsync(() -> compete(name, done), Thread::startVirtualThread));
        }

        for (int round = 1; round <= 5; round++) {
            for (int i = 0; i < 40; i++) {
                demand(
                        "n" + i,
                        PoolDemand.newBuilder()
                                .setPool("p")
                                .setWantedIpv4(round * 60)
                                .build());
            }
            Thread.sleep(400);
        }
        await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
            assertThat(replicas).noneMatch(CompletableFuture::isDone);
            for (int i = 0; i < 40; i++) {
                assertThat(blocksOf("n" + i)).hasSize(2 + 5);
            }
        });
        done.set(true);
        CompletableFuture.allOf(replicas.toArray(CompletableFuture[]::new)).get();

        for (int i = 0; i < 40; i++) {
            assertThat(blocksOf("n" + i)).hasSize(2 + 5);
        }
    }

    /** A replica that gives up its leadership again and again, and starts each term by catching up, as the service does. */
    private void compete(String name, AtomicBoolean done) {
        while (!done.get()) {
            try (Leadership leadership = Leadership.campaign(client, store, "competition", name)) {
                long until = System.nanoTime() + Duration.ofMillis(300).toNanos();
                var mine = new Replica(START);
                while (System.nanoTime() < until && !done.get()) {
                    Thread.sleep(5);
                    leadership.beat();
                    leadership.term().ifPresent(now -> {
                        mine.read();
                        mine.granter.work(now);
                    });
                }
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    @Test
    void aRemovedNodeLosesItsBlocksAndGetsOthersWhenItIsBack() {
        pool("default", "10.0.0.0/16");
        node("n1");
        replica.work();
        assertThat(blocksOf("n1")).containsExactly("10.0.0.0/26");

        store.transaction().delete(Keys.intentNode("n1")).commit();
        replica.work();
        assertThat(blocksOf("n1")).isEmpty();
        assertThat(store.get(Keys.clusterBlock("default", parse("10.0.0.0/26")))
                        .orElseThrow()
                        .value()
                        .getNode())
                .isEmpty();

        node("n1");
        replica.work();
        assertThat(blocksOf("n1")).containsExactly("10.0.0.64/26");
    }

    @Test
    void aNodeThatIsBackBeforeItsRemovalWasSeenKeepsItsBlocks() {
        pool("default", "10.0.0.0/16");
        node("n1");
        replica.work();
        replica.index.nodeGone("n1");

        replica.workWithoutReading();

        assertThat(blocksOf("n1")).containsExactly("10.0.0.0/26");
    }

    @Test
    void grantsNothingFromAPoolThatHasChangedSinceItWasRead() {
        pool("p", "10.0.0.0/16");
        node("n1");
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(1).build());
        replica.read();
        pool("p", "10.1.0.0/16");

        assertThat(replica.granter.work(term)).isEqualTo(Round.STALE);
        assertThat(blocksOf("n1")).isEmpty();

        replica.work();
        assertThat(blocksOf("n1")).containsExactly("10.1.0.0/26");
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(65).build());
        replica.read();
        store.transaction().delete(Keys.pool("p")).commit();
        assertThat(replica.granter.work(term)).isEqualTo(Round.STALE);
        assertThat(blocksOf("n1")).hasSize(1);
    }

    @Test
    void oneNodeThatIsGoneDoesNotKeepTheOthersFromTheirBlocks() {
        pool("default", "10.0.0.0/16");
        for (int i = 0; i < 60; i++) {
            node("n" + i);
        }
        replica.read();
        store.transaction().delete(Keys.intentNode("n17")).commit();

        for (int i = 0; i < 30; i++) {
            replica.granter.work(term);
        }

        for (int i = 0; i < 60; i++) {
            assertThat(blocksOf("n" + i)).hasSize(i == 17 ? 0 : 1);
        }
    }

    @Test
    void grantsNoBlockOverAnExistingOneWhenTheLengthOfBlocksHasChanged() {
        pool("p", "10.0.0.0/24");
        node("n1");
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(65).build());
        replica.work();
        assertThat(blocksOf("n1")).containsExactly("10.0.0.0/26", "10.0.0.64/26");

        pool("p", 25, "10.0.0.0/24");
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(255).build());
        replica.work();

        assertThat(blocksOf("n1")).containsExactly("10.0.0.0/26", "10.0.0.128/25", "10.0.0.64/26");
        assertThat(replica.index.shortages()).hasSize(1);
    }

    @Test
    void aNodeHasNoMoreBlocksThanItMayHave() {
        pool("p", "10.0.0.0/16");
        node("n1");
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(-1).build());
        var strict = new Replica(START, new TestSettings.Ipam(REST, 3));

        strict.work();
        strict.work();

        assertThat(blocksOf("n1")).hasSize(3);
        assertThat(strict.index.shortages())
                .singleElement()
                .satisfies(shortage -> assertThat(shortage.cause()).isEqualTo(Shortage.Cause.LIMIT));
    }

    @Test
    void aNodeThatWaitsIsServedWhenSpaceComes() {
        pool("p", "10.0.0.0/26");
        node("n1");
        node("n2");
        demand("n1", PoolDemand.newBuilder().setPool("p").setWantedIpv4(1).build());
        replica.work();
        demand("n2", PoolDemand.newBuilder().setPool("p").setWantedIpv4(1).build());
        replica.work();
        assertThat(blocksOf("n2")).isEmpty();

        pool("p", "10.0.0.0/25");
        replica.work();

        assertThat(blocksOf("n2")).containsExactly("10.0.0.64/26");
        assertThat(replica.index.shortages()).isEmpty();
    }

    @Test
    void tenThousandBlocksAreGrantedAndTakenBack() {
        pool("p", "10.0.0.0/10", "fd00::/48");
        for (int i = 0; i < 100; i++) {
            node("n" + i);
            demand(
                    "n" + i,
                    PoolDemand.newBuilder().setPool("p").setWantedIpv4(64 * 100).build());
        }

        long started = System.nanoTime();
        replica.work();
        Duration granting = Duration.ofNanos(System.nanoTime() - started);

        Set<String> owned = new HashSet<>();
        store.forEach(Keys.CLUSTER_BLOCKS, block -> owned.add(block.key()));
        assertThat(owned).hasSizeBetween(10_000, 10_001);
        assertThat(granting).isLessThan(Duration.ofSeconds(60));
        System.out.printf("%d blocks granted in %d ms%n", owned.size(), granting.toMillis());

        List<Prefix> offered =
                replica.index.blocksOf("n7").stream().map(HeldBlock::block).toList();
        demand("n7", PoolDemand.newBuilder().setPool("p").addAllOffered(offered).build());
        replica.work();
        assertThat(blocksOf("n7")).isEmpty();
        replica = new Replica(START.plus(REST));
        replica.work();
        assertThat(store.listAll(Keys.clusterBlocksOf("p"))).hasSize(owned.size() - offered.size());
    }

    /** What etcd holds must fit together after every test. */
    private void checkConsistency() {
        Map<String, List<Prefix>> pools = new HashMap<>();
        List<Versioned<BlockOwner>> owners = store.listAll(Keys.CLUSTER_BLOCKS);
        Set<String> copies = new HashSet<>();
        owners.stream().map(Versioned::value).forEach(owner -> {
            pools.computeIfAbsent(owner.getPool(), _ -> new ArrayList<>()).add(owner.getBlock());
            if (!owner.getNode().isEmpty()) {
                var copy = Keys.nodeBlock(owner.getNode(), owner.getPool(), owner.getBlock());
                copies.add(copy.path());
            }
        });
        Set<String> found = new HashSet<>();
        owners.stream()
                .map(owner -> owner.value().getNode())
                .filter(node -> !node.isEmpty())
                .distinct()
                .forEach(node -> store.forEach(Keys.blocksOf(node), copy -> found.add(copy.key())));
        assertThat(found).isEqualTo(copies);
        pools.values().forEach(blocks -> {
            blocks.sort((one, other) ->
                    ByteString.unsignedLexicographicalComparator().compare(one.getAddress(), other.getAddress()));
            for (int i = 1; i < blocks.size(); i++) {
                Prefix before = blocks.get(i - 1);
                Prefix block = blocks.get(i);
                assertThat(Prefixes.overlap(before, block))
                        .as("%s and %s overlap", Prefixes.format(before), Prefixes.format(block))
                        .isFalse();
            }
        });
    }

    private Term newTerm() {
        var key = Keys.leader("ipam-test");
        store.transaction().delete(key).commit();
        var created = store.transaction().put(key, Leader.getDefaultInstance()).commit();
        return new Term(created.revision(), key);
    }

    private void pool(String name, String... ranges) {
        pool(name, 26, ranges);
    }

    private void pool(String name, int length, String... ranges) {
        var pool = Pool.newBuilder().setName(name).setBlockLengthIpv4(length).setBlockLengthIpv6(122);
        for (String range : ranges) {
            pool.addRanges(parse(range));
        }
        write(store.transaction().put(Keys.pool(name), pool.build()));
    }

    private void node(String name) {
        write(store.transaction()
                .put(Keys.intentNode(name), Node.newBuilder().setName(name).build()));
    }

    private void demand(String node, PoolDemand... pools) {
        write(store.transaction()
                .put(
                        Keys.demand(node),
                        Demand.newBuilder().addAllPools(List.of(pools)).build()));
    }

    private static void write(Transaction transaction) {
        assertThat(transaction.commit().succeeded()).isTrue();
    }

    private List<String> blocksOf(String node) {
        return store.listAll(Keys.blocksOf(node)).stream()
                .map(block -> Prefixes.format(block.value().getBlock()))
                .toList();
    }

    /** A replica's index and leader's work, without its threads. */
    private final class Replica {
        final BlockIndex index;
        final Granter granter;

        Replica(Instant now) {
            this(now, config);
        }

        Replica(Instant now, TestSettings.Ipam config) {
            index = new BlockIndex(config);
            granter = new Granter(index, store, config, Clock.fixed(now, ZoneOffset.UTC));
        }

        /** Sees all that is in etcd. */
        void read() {
            List<HeldBlock> blocks = new ArrayList<>();
            long revision = store.forEach(
                    Keys.CLUSTER_BLOCKS, block -> blocks.add(HeldBlock.of(block.value(), block.modRevision())));
            index.blocks(blocks, revision);
            Map<String, Defined> pools = new HashMap<>();
            store.forEach(
                    Keys.POOLS,
                    pool -> pools.put(pool.value().getName(), new Defined(pool.value(), pool.modRevision())));
            index.pools(pools);
            Set<String> nodes = new HashSet<>();
            store.forEach(Keys.INTENT_NODES, node -> nodes.add(node.value().getName()));
            index.nodes(nodes);
            Map<String, Demanded> demands = new HashMap<>();
            for (String node : nodes) {
                store.get(Keys.demand(node))
                        .ifPresent(demand -> demands.put(node, new Demanded(demand.value(), demand.modRevision())));
            }
            index.demands(demands);
        }

        void work() {
            read();
            workWithoutReading();
        }

        void workWithoutReading() {
            for (Round round = Round.MORE; round == Round.MORE; ) {
                round = granter.work(term);
            }
        }
    }
}

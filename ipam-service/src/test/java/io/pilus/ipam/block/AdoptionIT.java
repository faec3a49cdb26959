package io.pilus.ipam.block;

import static io.pilus.contract.Prefixes.parse;
import static org.assertj.core.api.Assertions.assertThat;

import io.etcd.jetcd.Client;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.AdoptionReport;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.ClusterAdopted;
import io.pilus.contract.v1.Epoch;
import io.pilus.contract.v1.Leader;
import io.pilus.contract.v1.Node;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.EtcdClients;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.testing.etcd.EtcdProcess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A store that was put back from a backup, and nodes that have blocks which it does not know. */
class AdoptionIT {

    private static final String BLOCK = "10.0.0.64/26";

    private static EtcdProcess etcd;
    private static Client client;
    private static EtcdStore store;
    private static EpochStore epochs;

    private BlockIndex index;
    private Adoption adoption;
    private Term term;

    @BeforeAll
    static void start() throws Exception {
        etcd = EtcdProcess.start();
        var settings = new TestSettings.Etcd(List.of(etcd.endpoint()));
        client = EtcdClients.open(settings);
        store = new EtcdStore(client, settings);
        epochs = new EpochStore(client, store, settings);
    }

    @AfterAll
    static void stop() {
        client.close();
        etcd.close();
    }

    @BeforeEach
    void aRestoredStoreWithTwoNodes() {
        etcd.clear();
        long revision = store.transaction()
                .put(Keys.leader("ipam-service"), Leader.getDefaultInstance())
                .put(
                        Keys.EPOCH,
                        Epoch.newBuilder().setClusterId("7c1f").setRestores(1).build())
                .put(Keys.intentNode("n1"), Node.newBuilder().setName("n1").build())
                .put(Keys.intentNode("n2"), Node.newBuilder().setName("n2").build())
                .commit()
                .revision();
        term = new Term(revision, Keys.leader("ipam-service"));
        index = new BlockIndex(new TestSettings.Ipam(Duration.ofMinutes(10), 16));
        adoption = new Adoption(index, epochs, store);
    }

    @Test
    void aBlockThatTheBackupLacksIsTheNodesAgainAndNothingIsGrantedBeforeAllIsTakenOver() {
        report("n1", BLOCK);

        assertThat(round()).isFalse();

        assertThat(owner(BLOCK)).isEqualTo("n1");
        assertThat(blocksOf("n1")).containsExactly(BLOCK);
        assertThat(adoption.waits()).isTrue();
        store.transaction()
                .put(
                        Keys.CLUSTER_ADOPTED,
                        ClusterAdopted.newBuilder().setRestores(1).build())
                .commit();
        assertThat(round()).isTrue();
        assertThat(adoption.waits()).isFalse();
        assertThat(adoption.conflicts()).isEmpty();
    }

    @Test
    void aBlockThatItsNodeHasGivenBackSinceIsTakenOverOnceThatNodeHasReported() {
        owned("n2", BLOCK);
        report("n1", BLOCK);
        round();
        assertThat(owner(BLOCK)).isEqualTo("n2");

        report("n2");
        round();

        assertThat(owner(BLOCK)).isEqualTo("n1");
        assertThat(blocksOf("n1")).containsExactly(BLOCK);
        assertThat(blocksOf("n2")).isEmpty();
    }

    @Test
    void aBlockThatTwoNodesHaveIsAConflictAndStaysAsItIs() {
        owned("n2", BLOCK);
        report("n1", BLOCK);
        report("n2", BLOCK);

        round();

        assertThat(owner(BLOCK)).isEqualTo("n2");
        assertThat(adoption.conflicts())
                .hasEntrySatisfying(
                        "restore block default " + BLOCK,
                        message -> assertThat(message).contains("nodes n1, n2 have it"));
    }

    @Test
    void aBlockThatOverlapsAnotherIsAConflict() {
        owned("n2", "10.0.0.0/24");
        report("n1", BLOCK);
        report("n2", "10.0.0.0/24");
        round();
        assertThat(adoption.conflicts()).hasSize(2);

        report("n2");
        round();

        assertThat(adoption.conflicts())
                .hasEntrySatisfying(
                        "restore block default " + BLOCK,
                        message -> assertThat(message).contains("10.0.0.0/24"));
        assertThat(blocksOf("n1")).isEmpty();
    }

    @Test
    void aDeposedLeaderTakesNothingOver() {
        store.transaction().delete(Keys.leader("ipam-service")).commit();
        report("n1", BLOCK);

        round();

        assertThat(store.listAll(Keys.CLUSTER_BLOCKS)).isEmpty();
    }

    @Test
    void aStoreThatWasNeverRestoredWaitsForNobody() {
        store.transaction()
                .put(Keys.EPOCH, Epoch.newBuilder().setClusterId("7c1f").build())
                .commit();

        assertThat(round()).isTrue();
    }

    private boolean round() {
        List<HeldBlock> blocks = new ArrayList<>();
        long revision = store.forEach(
                Keys.CLUSTER_BLOCKS, block -> blocks.add(HeldBlock.of(block.value(), block.modRevision())));
        index.blocks(blocks, revision);
        Set<String> nodes = new HashSet<>();
        store.forEach(Keys.INTENT_NODES, node -> nodes.add(node.value().getName()));
        index.nodes(nodes);
        Map<String, AdoptionReport> reports = new HashMap<>();
        nodes.forEach(
                node -> store.get(Keys.adoptionReport(node)).ifPresent(report -> reports.put(node, report.value())));
        adoption.reports(reports);
        return adoption.adopt(term);
    }

    private static void report(String node, String... blocks) {
        var report = AdoptionReport.newBuilder().setRestores(1);
        for (String block : blocks) {
            report.addBlocks(Block.newBuilder().setPool("default").setBlock(parse(block)));
        }
        store.transaction().put(Keys.adoptionReport(node), report.build()).commit();
    }

    private static void owned(String node, String block) {
        store.transaction()
                .put(
                        Keys.clusterBlock("default", parse(block)),
                        BlockOwner.newBuilder()
                                .setPool("default")
                                .setBlock(parse(block))
                                .setNode(node)
                                .build())
                .put(
                        Keys.nodeBlock(node, "default", parse(block)),
                        Block.newBuilder()
                                .setPool("default")
                                .setBlock(parse(block))
                                .build())
                .commit();
    }

    private static String owner(String block) {
        return store.get(Keys.clusterBlock("default", parse(block)))
                .orElseThrow()
                .value()
                .getNode();
    }

    private static List<String> blocksOf(String node) {
        return store.listAll(Keys.blocksOf(node)).stream()
                .map(block -> Prefixes.format(block.value().getBlock()))
                .toList();
    }
}

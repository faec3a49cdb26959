package io.pilus.identity.adoption;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.etcd.jetcd.Client;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.pilus.contract.Keys;
import io.pilus.contract.LabelSets;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.AdoptionReport;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Epoch;
import io.pilus.contract.v1.FreedNumber;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityInUse;
import io.pilus.contract.v1.IdentityNumber;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.IdentityState;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.Leader;
import io.pilus.contract.v1.Namespace;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.NodeAdopted;
import io.pilus.contract.v1.Prefix;
import io.pilus.contract.v1.Workload;
import io.pilus.contract.v1.WorkloadLocation;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.identity.Configs;
import io.pilus.identity.IdentityProblem;
import io.pilus.identity.RestoreGate;
import io.pilus.identity.TestClock;
import io.pilus.identity.alarm.Alarm;
import io.pilus.identity.alarm.Alarms;
import io.pilus.identity.view.ClusterView;
import io.pilus.identity.view.Views;
import io.pilus.testing.etcd.EtcdProcess;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A store that was put back from a backup, and nodes that have more than it. */
class AdoptionIT {

    private static final LabelSet WEB =
            LabelSet.newBuilder().setNamespace("shop").putLabels("app", "web").build();
    private static final LabelSet DB =
            LabelSet.newBuilder().setNamespace("shop").putLabels("app", "db").build();
    private static final ByteString ADDRESS = Prefixes.parseAddress("10.0.0.1");
    private static final Prefix BLOCK = Prefixes.parse("10.0.0.0/26");

    private static EtcdProcess etcd;
    private static Client client;

    private EtcdStore store;
    private EpochStore epochs;
    private ClusterView view;
    private Alarms alarms;
    private Adoption adoption;
    private Term term;

    @BeforeAll
    static void start() {
        etcd = EtcdProcess.start();
        client = Configs.client(etcd);
    }

    @AfterAll
    static void stop() {
        client.close();
        etcd.close();
    }

    @BeforeEach
    void aRestoredStoreWithTwoNodes() {
        var clock = new TestClock();
        store = new EtcdStore(client, Configs.etcd(etcd));
        epochs = new EpochStore(client, store, Configs.etcd(etcd));
        view = new ClusterView(clock);
        alarms = new Alarms(clock, new SimpleMeterRegistry());
        adoption = new Adoption(epochs, store, view, alarms, Configs.identity(Map.of()));
        long revision = store.transaction()
                .put(Keys.leader("identity-service"), Leader.getDefaultInstance())
                .put(
                        Keys.EPOCH,
                        Epoch.newBuilder().setClusterId("7c1f").setRestores(1).build())
                .put(Keys.intentNode("a"), Node.newBuilder().setName("a").build())
                .put(Keys.intentNode("b"), Node.newBuilder().setName("b").build())
                .put(
                        Keys.namespace("shop"),
                        Namespace.newBuilder().setName("shop").build())
                .commit()
                .revision();
        term = new Term(revision, Keys.leader("identity-service"));
    }

    @AfterEach
    void clear() {
        etcd.clear();
    }

    @Test
    void nothingIsNumberedBeforeEveryRegisteredNodeHasReportedAndAllOfThatIsThere() {
        var gate = new RestoreGate(epochs);
        report("a", web(300));

        assertThat(round()).isFalse();
        assertThatThrownBy(gate::require)
                .isInstanceOfSatisfying(
                        IdentityProblem.class,
                        problem -> assertThat(problem.type()).isEqualTo("urn:pilus:problem:store-restored"));
        assertThat(alarm("restore")).contains(": a, b.");

        assertThat(identity(300)).isEqualTo(WEB);
        assertThat(store.get(Keys.labels(LabelSets.hash(WEB)))
                        .orElseThrow()
                        .value()
                        .getId())
                .isEqualTo(300);
        assertThat(store.get(Keys.workload("a", "u-1")).orElseThrow().value().getLabelSet())
                .isEqualTo(WEB);
        assertThat(store.get(Keys.workloadLocation("shop", "web-1"))
                        .orElseThrow()
                        .value()
                        .getUid())
                .isEqualTo("u-1");

        report("b", AdoptionReport.newBuilder());
        assertThat(round()).isFalse();
        assertThat(alarm("restore")).contains(": a.");
        theOtherServicesFollow();

        assertThat(round()).isTrue();
        assertThat(store.get(Keys.CLUSTER_ADOPTED).orElseThrow().value().getRestores())
                .isEqualTo(1);
        for (String node : List.of("a", "b")) {
            NodeAdopted answer = store.get(Keys.nodeAdopted(node)).orElseThrow().value();
            assertThat(answer.getReportRevision())
                    .isEqualTo(
                            store.get(Keys.adoptionReport(node)).orElseThrow().modRevision());
            assertThat(answer.getClusterRevision())
                    .isEqualTo(store.get(Keys.CLUSTER_ADOPTED).orElseThrow().modRevision());
        }
        assertThat(store.get(Keys.NUMBERS).orElseThrow().value().getNext()).isGreaterThan(300 + 60_000);
        assertThat(list()).isEmpty();
        gate.require();
    }

    @Test
    void aLabelSetWithAnotherNumberIsAnAlarmAndHoldsEverythingUp() {
        number(301, WEB);
        report("a", web(300));
        report("b", AdoptionReport.newBuilder());
        theOtherServicesFollow();

        assertThat(round()).isFalse();

        assertThat(alarm("restore identity 300")).contains("has number 301 in the store", "It is on a");
        assertThat(store.get(Keys.identity(300))).isEmpty();
        assertThat(store.get(Keys.CLUSTER_ADOPTED)).isEmpty();

        report("a", AdoptionReport.newBuilder());
        store.transaction().delete(Keys.endpoint("a", "u-1")).commit();
        assertThat(round()).isTrue();
        assertThat(list()).isEmpty();
    }

    @Test
    void aNumberWithAnotherLabelSetIsAnAlarmAndStaysAsItIs() {
        number(300, DB);
        report("a", web(300));
        report("b", AdoptionReport.newBuilder());
        theOtherServicesFollow();

        assertThat(round()).isFalse();

        assertThat(alarm("restore identity 300")).contains("another label set");
        assertThat(identity(300)).isEqualTo(DB);
    }

    @Test
    void nodesThatDoNotAgreeAreAnAlarm() {
        report("a", web(300));
        report("b", web(302));

        assertThat(round()).isFalse();

        assertThat(alarm("restore identity 300")).contains("with number 302 too");
        assertThat(alarm("restore identity 302")).contains("with number 300 too");
        assertThat(store.listAll(Keys.IDENTITIES)).isEmpty();
    }

    @Test
    void aNumberThatTheBackupHoldsAsFreedIsInUse() {
        store.transaction()
                .put(
                        Keys.freedNumber(300),
                        FreedNumber.newBuilder().setId(300).setGoneBy(5).build())
                .commit();
        report("a", web(300));

        round();

        assertThat(identity(300)).isEqualTo(WEB);
        assertThat(store.get(Keys.freedNumber(300))).isEmpty();
    }

    @Test
    void whatTheNodeHasDetachedSinceTheBackupIsNoLongerAttached() {
        store.transaction().put(Keys.attached("a", "u-0"), attached("u-0", 300)).commit();
        report("a", web(300));

        round();

        assertThat(store.get(Keys.attached("a", "u-0"))).isEmpty();
        assertThat(store.get(Keys.attached("a", "u-1"))).isPresent();
    }

    @Test
    void aWorkloadThatHasTheNameOfAnOlderOneTakesItsPlaceOnlyWhenThatIsOnNoNode() {
        store.transaction()
                .put(
                        Keys.workload("b", "u-0"),
                        Workload.newBuilder().setUid("u-0").setNode("b").build())
                .put(
                        Keys.workloadLocation("shop", "web-1"),
                        WorkloadLocation.newBuilder().setNode("b").setUid("u-0").build())
                .commit();
        report("a", web(300));
        round();
        assertThat(store.get(Keys.workload("a", "u-1"))).isEmpty();

        report("b", AdoptionReport.newBuilder());
        round();

        assertThat(store.get(Keys.workload("a", "u-1"))).isPresent();
        assertThat(store.get(Keys.workload("b", "u-0"))).isEmpty();
    }

    @Test
    void aLostNamespaceIsAskedFor() {
        store.transaction().delete(Keys.namespace("shop")).commit();
        report("a", web(300));
        report("b", AdoptionReport.newBuilder());
        theOtherServicesFollow();

        assertThat(round()).isFalse();

        assertThat(alarm("restore workload shop/web-1")).contains("PUT /v1/namespaces/shop");
    }

    @Test
    void aNodeThatReportsLateIsAnsweredAfterTheClusterKeyIsWrittenAgain() {
        report("a", AdoptionReport.newBuilder());
        report("b", AdoptionReport.newBuilder());
        assertThat(round()).isTrue();
        long first = store.get(Keys.CLUSTER_ADOPTED).orElseThrow().modRevision();
        report("a", web(300));
        round();
        theOtherServicesFollow();

        assertThat(round()).isTrue();

        NodeAdopted answer = store.get(Keys.nodeAdopted("a")).orElseThrow().value();
        assertThat(answer.getClusterRevision()).isGreaterThan(first);
        assertThat(answer.getReportRevision())
                .isEqualTo(store.get(Keys.adoptionReport("a")).orElseThrow().modRevision());
    }

    @Test
    void aDeposedLeaderTakesNothingIn() {
        report("a", web(300));
        report("b", AdoptionReport.newBuilder());
        store.transaction().delete(Keys.leader("identity-service")).commit();

        round();

        assertThat(store.get(Keys.identity(300))).isEmpty();
        assertThat(store.get(Keys.CLUSTER_ADOPTED)).isEmpty();
    }

    @Test
    void aStoreThatWasNeverRestoredAsksNobody() {
        store.transaction()
                .put(Keys.EPOCH, Epoch.newBuilder().setClusterId("7c1f").build())
                .commit();

        assertThat(round()).isTrue();

        assertThat(store.get(Keys.CLUSTER_ADOPTED)).isEmpty();
        new RestoreGate(epochs).require();
    }

    private boolean round() {
        Views.catchUp(view, store);
        return adoption.adopt(term);
    }

    private static AdoptionReport.Builder web(int id) {
        return AdoptionReport.newBuilder()
                .addAttached(attached("u-1", id))
                .addWorkloads(Workload.newBuilder()
                        .setUid("u-1")
                        .setNamespace("shop")
                        .setName("web-1")
                        .setNode("a")
                        .setIdentity(id))
                .addIdentities(IdentityInUse.newBuilder().setId(id).setLabelSet(WEB))
                .addBlocks(Block.newBuilder().setPool("default").setBlock(BLOCK));
    }

    private static Attached attached(String uid, int id) {
        return Attached.newBuilder()
                .setUid(uid)
                .setIdentity(id)
                .addAddresses(ADDRESS)
                .build();
    }

    private void report(String node, AdoptionReport.Builder report) {
        var transaction = store.transaction()
                .put(Keys.adoptionReport(node), report.setRestores(1).build());
        report.getAttachedList().forEach(found -> transaction.put(Keys.attached(node, found.getUid()), found));
        transaction.commit();
    }

    private void number(int id, LabelSet labels) {
        store.transaction()
                .put(
                        Keys.identity(id),
                        Identity.newBuilder()
                                .setId(id)
                                .setLabelSet(labels)
                                .setState(IdentityState.IDENTITY_STATE_LIVE)
                                .build())
                .put(
                        Keys.labels(LabelSets.hash(labels)),
                        IdentityNumber.newBuilder().setId(id).build())
                .commit();
    }

    /** What is the publisher's, policy-service's and ipam-service's to write for the workload of node a. */
    private void theOtherServicesFollow() {
        store.transaction()
                .put(
                        Keys.COMPILED,
                        Compiled.newBuilder().setRevision(etcd.revision()).build())
                .put(Keys.identityPolicy(300), IdentityPolicy.getDefaultInstance())
                .put(
                        Keys.endpoint("a", "u-1"),
                        Endpoint.newBuilder()
                                .setUid("u-1")
                                .setNode("a")
                                .setIdentity(300)
                                .addAddresses(ADDRESS)
                                .build())
                .put(
                        Keys.clusterBlock("default", BLOCK),
                        BlockOwner.newBuilder()
                                .setPool("default")
                                .setBlock(BLOCK)
                                .setNode("a")
                                .build())
                .put(
                        Keys.nodeBlock("a", "default", BLOCK),
                        Block.newBuilder().setPool("default").setBlock(BLOCK).build())
                .commit();
    }

    private LabelSet identity(int id) {
        return store.get(Keys.identity(id)).orElseThrow().value().getLabelSet();
    }

    private String alarm(String subject) {
        return list().stream()
                .filter(alarm -> alarm.subject().equals(subject))
                .map(Alarm::message)
                .findFirst()
                .orElseThrow(() -> new AssertionError("no alarm '" + subject + "' among " + list()));
    }

    private List<Alarm> list() {
        return alarms.standing();
    }
}

package io.pilus.identity.collect;

import static org.assertj.core.api.Assertions.assertThat;

import io.etcd.jetcd.Client;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.pilus.contract.Keys;
import io.pilus.contract.LabelSets;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityNumber;
import io.pilus.contract.v1.IdentityState;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.Leader;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.etcd.Versioned;
import io.pilus.identity.Configs;
import io.pilus.identity.TestClock;
import io.pilus.identity.view.ClusterView;
import io.pilus.identity.view.Views;
import io.pilus.testing.etcd.EtcdProcess;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Leaders that see, crash and are deposed at the worst moments. */
class CollectorStepsIT {

    private static final Duration QUARANTINE = Duration.ofSeconds(11);
    private static final LabelSet WEB =
            LabelSet.newBuilder().setNamespace("shop").putLabels("app", "web").build();
    private static final int ID = 300;

    private static EtcdProcess etcd;
    private static Client client;

    private TestClock clock;
    private EtcdStore store;
    private Replica replica;
    private Term term;

    private record Replica(ClusterView view, Collector collector) {}

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
    void anIdentityThatNothingUses() {
        clock = new TestClock();
        store = new EtcdStore(client, Configs.etcd(etcd));
        term = newTerm();
        store.transaction()
                .put(Keys.intentNode("a"), Node.newBuilder().setName("a").build())
                .put(
                        Keys.identity(ID),
                        Identity.newBuilder()
                                .setId(ID)
                                .setLabelSet(WEB)
                                .setState(IdentityState.IDENTITY_STATE_LIVE)
                                .build())
                .put(
                        Keys.labels(LabelSets.hash(WEB)),
                        IdentityNumber.newBuilder().setId(ID).build())
                .commit();
        replica = newReplica();
    }

    @AfterEach
    void clear() {
        etcd.clear();
    }

    @Test
    void aRoundTooEarlyDoesNothing() {
        clock.advance(Duration.ofSeconds(9));

        collect();

        assertThat(state()).contains(IdentityState.IDENTITY_STATE_LIVE);
    }

    @Test
    void anIdentityIsRetiredThenDeleted() {
        clock.advance(QUARANTINE);
        collect();
        assertThat(state()).contains(IdentityState.IDENTITY_STATE_RETIRING);
        Views.catchUp(replica.view(), store);
        collect();
        assertThat(state()).contains(IdentityState.IDENTITY_STATE_RETIRING);

        clock.advance(QUARANTINE);
        collect();

        assertThat(state()).isEmpty();
        assertThat(store.get(Keys.labels(LabelSets.hash(WEB)))).isEmpty();
        assertThat(store.get(Keys.freedNumber(ID))).isPresent();
    }

    @Test
    void aLeaderThatCrashesAfterRetiringIsContinued() {
        retire();
        Replica successor = newReplica();
        term = newTerm();

        clock.advance(QUARANTINE);
        successor.collector().collect(term, () -> {});

        assertThat(state()).isEmpty();
    }

    @Test
    void aDeposedLeaderNeitherRetiresNorDeletes() {
        Term deposed = term;
        newTerm();
        clock.advance(QUARANTINE);

        replica.collector().collect(deposed, () -> {});

        assertThat(state()).contains(IdentityState.IDENTITY_STATE_LIVE);
        retire();
        clock.advance(QUARANTINE);
        replica.collector().collect(deposed, () -> {});
        assertThat(state()).contains(IdentityState.IDENTITY_STATE_RETIRING);
    }

    @Test
    void aUserThatTheViewHasNotSeenYetKeepsTheIdentity() {
        retire();
        store.transaction()
                .put(
                        Keys.workload("a", "u-1"),
                        Workload.newBuilder().setIdentity(ID).build())
                .commit();
        clock.advance(QUARANTINE);

        collect();

        assertThat(state()).contains(IdentityState.IDENTITY_STATE_RETIRING);
    }

    @Test
    void anAttachmentThatTheViewHasNotSeenYetKeepsTheIdentity() {
        retire();
        store.transaction()
                .put(
                        Keys.attached("a", "u-1"),
                        Attached.newBuilder().setIdentity(ID).build())
                .commit();
        clock.advance(QUARANTINE);

        collect();

        assertThat(state()).contains(IdentityState.IDENTITY_STATE_RETIRING);
    }

    @Test
    void whoeverTakesTheIdentityMeanwhileWins() {
        retire();
        Versioned<Identity> retiring = store.get(Keys.identity(ID)).orElseThrow();
        store.transaction()
                .ifUnchanged(retiring)
                .put(
                        Keys.identity(ID),
                        retiring.value().toBuilder()
                                .setState(IdentityState.IDENTITY_STATE_LIVE)
                                .build())
                .commit();
        clock.advance(QUARANTINE);

        collect();

        assertThat(state()).contains(IdentityState.IDENTITY_STATE_LIVE);
    }

    @Test
    void aNodeThatNeverReportedHoldsEveryFreedNumberBack() {
        retire();
        clock.advance(QUARANTINE);
        collect();

        for (int round = 0; round < 3; round++) {
            collect();
        }

        assertThat(store.get(Keys.freedNumber(ID))).isPresent();
    }

    private void retire() {
        clock.advance(QUARANTINE);
        replica.collector().collect(term(), () -> {});
        assertThat(state()).contains(IdentityState.IDENTITY_STATE_RETIRING);
        Views.catchUp(replica.view(), store);
    }

    private void collect() {
        replica.collector().collect(term, () -> {});
    }

    /** The one in force. */
    private Term term() {
        var key = Keys.leader("identity-service");
        return new Term(store.get(key).orElseThrow().createRevision(), key);
    }

    private Term newTerm() {
        var key = Keys.leader("identity-service");
        store.transaction().delete(key).commit();
        long revision = store.transaction()
                .put(key, Leader.getDefaultInstance())
                .commit()
                .revision();
        return new Term(revision, key);
    }

    private Replica newReplica() {
        var view = new ClusterView(clock);
        Views.catchUp(view, store);
        return new Replica(
                view, new Collector(store, view, Configs.identity(Map.of()), clock, new SimpleMeterRegistry()));
    }

    private Optional<IdentityState> state() {
        return store.get(Keys.identity(ID)).map(found -> found.value().getState());
    }
}

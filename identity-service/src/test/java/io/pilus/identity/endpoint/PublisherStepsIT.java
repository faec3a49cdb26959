package io.pilus.identity.endpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.etcd.jetcd.Client;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Leader;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.Prefix;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.identity.Configs;
import io.pilus.identity.TestClock;
import io.pilus.identity.alarm.Alarms;
import io.pilus.identity.endpoint.EndpointPublisher.Progress;
import io.pilus.identity.view.ClusterView;
import io.pilus.identity.view.Views;
import io.pilus.testing.etcd.EtcdProcess;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Leaders that see late or are deposed. */
class PublisherStepsIT {

    private static final Prefix BLOCK = Prefixes.parse("10.1.0.0/26");

    private static EtcdProcess etcd;
    private static Client client;

    private EtcdStore store;
    private ClusterView view;
    private EndpointPublisher publisher;
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
    void aNodeThatHasAttachedItsWorkload() {
        var clock = new TestClock();
        var registry = new SimpleMeterRegistry();
        store = new EtcdStore(client, Configs.etcd(etcd));
        view = new ClusterView(clock);
        publisher = new EndpointPublisher(store, view, new Alarms(clock, registry), registry);
        term = newTerm();
        store.transaction()
                .put(Keys.intentNode("a"), Node.newBuilder().setName("a").build())
                .put(
                        Keys.nodeBlock("a", "default", BLOCK),
                        Block.newBuilder().setBlock(BLOCK).build())
                .commit();
        for (int i = 0; i < 40; i++) {
            store.transaction()
                    .put(
                            Keys.workload("a", "u-" + i),
                            Workload.newBuilder().setIdentity(300).build())
                    .put(Keys.attached("a", "u-" + i), attached("u-" + i, 300))
                    .commit();
        }
        Views.catchUp(view, store);
    }

    @AfterEach
    void clear() {
        etcd.clear();
    }

    @Test
    void everyAttachedEndpointIsPublishedOnce() {
        publishAll();

        assertThat(store.listAll(Keys.ENDPOINTS)).hasSize(40);
        long revision = etcd.revision();
        Views.catchUp(view, store);
        publishAll();
        assertThat(etcd.revision()).isEqualTo(revision);
    }

    @Test
    void aDeposedLeaderPublishesNothing() {
        newTerm();

        assertThat(publisher.publishSome(Optional.of(term))).isEqualTo(Progress.LATE);

        assertThat(store.listAll(Keys.ENDPOINTS)).isEmpty();
    }

    @Test
    void aStandbyPublishesNothingAndTakesOverFromMemory() {
        while (publisher.publishSome(Optional.empty()) != Progress.IDLE) {
            assertThat(store.listAll(Keys.ENDPOINTS)).isEmpty();
        }
        view.touchAll();

        publishAll();

        assertThat(store.listAll(Keys.ENDPOINTS)).hasSize(40);
    }

    @Test
    void whatHasChangedSinceItWasSeenIsNotPublishedButTheRestIs() {
        store.transaction().put(Keys.attached("a", "u-3"), attached("u-3", 301)).commit();

        assertThat(drain()).isEqualTo(Progress.LATE);
        Views.catchUp(view, store);
        publishAll();

        assertThat(store.listAll(Keys.ENDPOINTS)).hasSize(39);
        assertThat(store.get(Keys.endpoint("a", "u-3"))).isEmpty();
    }

    @Test
    void anEndpointThatWasDetachedAndAttachedAgainIsNotWithdrawn() {
        publishAll();
        store.transaction().delete(Keys.attached("a", "u-3")).commit();
        Views.catchUp(view, store);
        store.transaction().put(Keys.attached("a", "u-3"), attached("u-3", 300)).commit();

        assertThat(drain()).isEqualTo(Progress.LATE);

        assertThat(store.get(Keys.endpoint("a", "u-3"))).isPresent();
    }

    @Test
    void anEndpointOfANodeThatWasRegisteredAgainIsNotWithdrawn() {
        publishAll();
        store.transaction().delete(Keys.intentNode("a")).commit();
        Views.catchUp(view, store);
        store.transaction()
                .put(Keys.intentNode("a"), Node.newBuilder().setName("a").build())
                .commit();

        drain();

        assertThat(store.listAll(Keys.ENDPOINTS)).hasSize(40);
    }

    @Test
    void whatSomebodyElseWroteUnderAnEndpointIsSeenFirst() {
        store.transaction()
                .put(
                        Keys.endpoint("a", "u-3"),
                        Endpoint.newBuilder().setIdentity(7).build())
                .commit();

        assertThat(drain()).isEqualTo(Progress.LATE);

        assertThat(store.get(Keys.endpoint("a", "u-3")).orElseThrow().value().getIdentity())
                .isEqualTo(7);
    }

    private void publishAll() {
        assertThat(drain()).isEqualTo(Progress.IDLE);
    }

    /** Until there is nothing left to do, or the view lags behind. */
    private Progress drain() {
        Progress progress;
        do {
            progress = publisher.publishSome(Optional.of(term));
        } while (progress == Progress.DONE);
        return progress;
    }

    private Term newTerm() {
        var key = Keys.leader("identity-service");
        store.transaction().delete(key).commit();
        return new Term(
                store.transaction()
                        .put(key, Leader.getDefaultInstance())
                        .commit()
                        .revision(),
                key);
    }

    private static Attached attached(String uid, int identity) {
        return Attached.newBuilder()
                .setUid(uid)
                .setIdentity(identity)
                .addAddresses(Prefixes.parseAddress("10.1.0." + (Integer.parseInt(uid.substring(2)) + 1)))
                .build();
    }
}

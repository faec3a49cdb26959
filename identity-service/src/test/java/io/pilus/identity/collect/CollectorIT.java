package io.pilus.identity.collect;

import static io.pilus.identity.Rest.delete;
import static io.pilus.identity.Rest.get;
import static io.pilus.identity.Rest.namespace;
import static io.pilus.identity.Rest.node;
import static io.pilus.identity.Rest.workload;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.is;

import io.pilus.contract.Keys;
import io.pilus.contract.LabelSets;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.FreedNumber;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.IdentityState;
import io.pilus.contract.v1.Realised;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Versioned;
import io.pilus.identity.Rest.Posted;
import io.pilus.testing.etcd.EtcdProcess;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The quarantine is one second here. The agents' and the compile leader's parts are played by writing their keys. */
@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class CollectorIT {

    private static final Duration SOON = Duration.ofSeconds(60);

    @Inject
    EtcdStore store;

    @SuppressWarnings("NullAway.Init") // filled by EtcdServer
    EtcdProcess etcd;

    @Test
    void anIdentityWithoutUsersIsDeletedWithItsLabels() {
        String namespace = namespace();
        Posted posted = workload(namespace, "web", node(), Map.of("app", "web"));
        Identity identity = identity(posted).orElseThrow();

        delete("/v1/workloads/" + namespace + "/web").statusCode(204);

        await().atMost(SOON).until(() -> identity(posted).isEmpty());
        assertThat(store.get(Keys.labels(LabelSets.hash(identity.getLabelSet()))))
                .isEmpty();
        assertThat(freed(posted)).isPresent();
        get("/v1/identities/" + posted.identity())
                .statusCode(404)
                .body("type", is("urn:pilus:problem:unknown-identity"));
    }

    @Test
    void anIdentityInUseIsLeftAlone() {
        Posted posted = workload(namespace(), "web", node(), Map.of("app", "web"));

        assertStaysLive(posted);
    }

    @Test
    void anAttachedEndpointKeepsItsIdentityWithoutAWorkload() {
        String namespace = namespace();
        String node = node();
        Posted posted = workload(namespace, "web", node, Map.of("app", "web"));
        store.transaction()
                .put(
                        Keys.attached(node, posted.uid()),
                        Attached.newBuilder()
                                .setUid(posted.uid())
                                .setIdentity(posted.identity())
                                .build())
                .commit();

        delete("/v1/workloads/" + namespace + "/web").statusCode(204);

        assertStaysLive(posted);
        store.transaction().delete(Keys.attached(node, posted.uid())).commit();
        await().atMost(SOON).until(() -> identity(posted).isEmpty());
    }

    @Test
    void aRetiringIdentityComesBackWithItsNextWorkload() {
        String namespace = namespace();
        Posted first = workload(namespace, "web", node(), Map.of("app", "web"));
        delete("/v1/workloads/" + namespace + "/web").statusCode(204);
        await().atMost(SOON)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> identity(first)
                        .map(found -> found.getState() == IdentityState.IDENTITY_STATE_RETIRING)
                        .orElse(true));

        Posted second = workload(namespace, "web", node(), Map.of("app", "web"));

        assertStaysLive(second);
    }

    @Test
    void anIdentityThatIsRetiringThoughUsedIsNotDeleted() {
        Posted posted = workload(namespace(), "web", node(), Map.of("app", "web"));
        Versioned<Identity> identity =
                store.get(Keys.identity(posted.identity())).orElseThrow();
        store.transaction()
                .put(
                        Keys.identity(posted.identity()),
                        identity.value().toBuilder()
                                .setState(IdentityState.IDENTITY_STATE_RETIRING)
                                .build())
                .commit();

        await().during(Duration.ofSeconds(4))
                .atMost(SOON)
                .until(() -> identity(posted).isPresent());
    }

    @Test
    void aNumberComesBackWhenEveryNodeHasRealisedThatItIsGone() {
        String namespace = namespace();
        String node = node();
        Posted posted = workload(namespace, "web", node, Map.of("app", "web"));
        store.transaction()
                .put(Keys.identityPolicy(posted.identity()), IdentityPolicy.getDefaultInstance())
                .commit();
        delete("/v1/workloads/" + namespace + "/web").statusCode(204);
        await().atMost(SOON).until(() -> freed(posted).isPresent());

        compileEverything();
        assertNotReturned(posted, 0);
        store.transaction().delete(Keys.identityPolicy(posted.identity())).commit();
        await().atMost(SOON).until(() -> freed(posted).orElseThrow().getGoneBy() > 0);
        assertNotReturned(posted, freed(posted).orElseThrow().getGoneBy());
        everyNodeRealises(etcd.revision());

        await().atMost(SOON).until(() -> freed(posted).isEmpty());
    }

    private void assertNotReturned(Posted posted, long goneBy) {
        await().during(Duration.ofSeconds(2))
                .atMost(SOON)
                .until(() -> freed(posted).map(FreedNumber::getGoneBy).equals(Optional.of(goneBy)));
    }

    private void compileEverything() {
        store.transaction()
                .put(
                        Keys.COMPILED,
                        Compiled.newBuilder().setRevision(etcd.revision()).build())
                .commit();
    }

    /** Also the nodes of other tests. */
    private void everyNodeRealises(long revision) {
        store.forEach(
                Keys.INTENT_NODES,
                node -> store.transaction()
                        .put(
                                Keys.realised(node.value().getName()),
                                Realised.newBuilder().setRevision(revision).build())
                        .commit());
    }

    private void assertStaysLive(Posted posted) {
        await().during(Duration.ofSeconds(4))
                .atMost(SOON)
                .until(() -> identity(posted).isPresent());
        get("/v1/identities/" + posted.identity()).statusCode(200);
    }

    private Optional<Identity> identity(Posted posted) {
        return store.get(Keys.identity(posted.identity())).map(Versioned::value);
    }

    private Optional<FreedNumber> freed(Posted posted) {
        return store.get(Keys.freedNumber(posted.identity())).map(Versioned::value);
    }
}

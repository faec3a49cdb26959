package io.pilus.identity.endpoint;

import static io.pilus.identity.Rest.delete;
import static io.pilus.identity.Rest.get;
import static io.pilus.identity.Rest.json;
import static io.pilus.identity.Rest.namespace;
import static io.pilus.identity.Rest.node;
import static io.pilus.identity.Rest.workload;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Liveness;
import io.pilus.contract.v1.Prefix;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Versioned;
import io.pilus.identity.Rest.Posted;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** An agent's part is played by writing its keys. */
@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class EndpointPublisherIT {

    private static final Duration SOON = Duration.ofSeconds(30);
    private static final AtomicInteger BLOCKS = new AtomicInteger();

    @Inject
    EtcdStore store;

    @Test
    void whatANodeAttachesIsPublishedAndWithdrawnWithIt() {
        String node = node();
        Posted posted = workload(namespace(), "web", node, Map.of("app", "web"));
        Prefix block = grant(node);

        attach(node, posted.uid(), posted.identity(), address(block, 5));

        await().atMost(SOON).until(() -> published(node, posted).isPresent());
        assertThat(published(node, posted).orElseThrow().getIdentity()).isEqualTo(posted.identity());
        get("/v1/endpoints?node=" + node)
                .statusCode(200)
                .body("items.name", contains("web"), "items[0].addresses", contains(address(block, 5)));
        store.transaction().delete(Keys.attached(node, posted.uid())).commit();
        await().atMost(SOON).until(() -> published(node, posted).isEmpty());
    }

    @Test
    void aRelabelledWorkloadIsPublishedAnewOnceItsNodeHasFollowed() {
        String node = node();
        String namespace = namespace();
        Posted before = workload(namespace, "web", node, Map.of("app", "web"));
        Prefix block = grant(node);
        attach(node, before.uid(), before.identity(), address(block, 5));
        await().atMost(SOON).until(() -> published(node, before).isPresent());

        int after = json(Map.of("node", node, "labels", Map.of("app", "db")))
                .put("/v1/workloads/" + namespace + "/web")
                .then()
                .statusCode(200)
                .extract()
                .path("identity");
        assertStays(node, before);
        attach(node, before.uid(), after, address(block, 5));

        await().atMost(SOON).until(() -> published(node, before).orElseThrow().getIdentity() == after);
    }

    @Test
    void aDeletedWorkloadStaysPublishedUntilItIsDetached() {
        String node = node();
        String namespace = namespace();
        Posted posted = workload(namespace, "web", node, Map.of("app", "web"));
        attach(node, posted.uid(), posted.identity(), address(grant(node), 5));
        await().atMost(SOON).until(() -> published(node, posted).isPresent());

        delete("/v1/workloads/" + namespace + "/web").statusCode(204);

        assertStays(node, posted);
        get("/v1/identities/" + posted.identity())
                .statusCode(200)
                .body("users.attached", contains(true), "users.name", contains("web"));
    }

    @Test
    void aSilentNodeLosesNothing() {
        String node = node();
        Posted posted = workload(namespace(), "web", node, Map.of("app", "web"));
        store.transaction().put(Keys.live(node), Liveness.getDefaultInstance()).commit();
        attach(node, posted.uid(), posted.identity(), address(grant(node), 5));
        await().atMost(SOON).until(() -> published(node, posted).isPresent());

        store.transaction().delete(Keys.live(node)).commit();

        assertStays(node, posted);
    }

    @Test
    void whatANodeWasNotGivenRaisesAnAlarmUntilItStops() {
        String node = node();
        Posted elsewhere = workload(namespace(), "web", node(), Map.of("app", "web"));
        String subject = "endpoint " + node + "/" + elsewhere.uid();

        attach(node, elsewhere.uid(), elsewhere.identity(), address(grant(node), 5));

        await().atMost(SOON).untilAsserted(() -> get("/v1/alarms?limit=1000").body("items.subject", hasItem(subject)));
        get("/v1/alarms?limit=1000")
                .body("items.find { it.subject == '" + subject + "' }.reason", is("not-its-workload"));
        assertThat(published(node, elsewhere)).isEmpty();
        store.transaction().delete(Keys.attached(node, elsewhere.uid())).commit();
        await().atMost(SOON)
                .untilAsserted(() -> get("/v1/alarms?limit=1000").body("items.subject", not(hasItem(subject))));
    }

    @Test
    void aForgedIdentityOrAddressIsNeverPublished() {
        String node = node();
        Posted one = workload(namespace(), "web", node, Map.of("app", "web"));
        Posted two = workload(namespace(), "db", node, Map.of("app", "db"));
        Prefix block = grant(node);

        attach(node, one.uid(), two.identity(), address(block, 5));
        attach(node, two.uid(), two.identity(), address(grant(node()), 6));

        await().atMost(SOON)
                .untilAsserted(() -> get("/v1/alarms?limit=1000")
                        .body("items.subject", hasItem("endpoint " + node + "/" + one.uid()))
                        .body("items.subject", hasItem("endpoint " + node + "/" + two.uid())));
        get("/v1/endpoints?node=" + node).body("items", is(empty()));
        attach(node, one.uid(), one.identity(), address(block, 5));
        attach(node, two.uid(), two.identity(), address(block, 6));
        await().atMost(SOON)
                .until(() ->
                        published(node, one).isPresent() && published(node, two).isPresent());
    }

    @Test
    void aBlockThatComesAfterItsEndpointLetsItBePublished() {
        String node = node();
        Posted posted = workload(namespace(), "web", node, Map.of("app", "web"));
        Prefix block = Prefixes.parse("10.99.0.0/26");
        attach(node, posted.uid(), posted.identity(), address(block, 5));
        await().atMost(SOON)
                .untilAsserted(() -> get("/v1/alarms?limit=1000")
                        .body("items.subject", hasItem("endpoint " + node + "/" + posted.uid())));

        grant(node, block);

        await().atMost(SOON).until(() -> published(node, posted).isPresent());
    }

    @Test
    void everythingOfARemovedNodeIsWithdrawnAndStaysSo() {
        String node = node();
        Posted posted = workload(namespace(), "web", node, Map.of("app", "web"));
        store.transaction().put(Keys.live(node), Liveness.getDefaultInstance()).commit();
        attach(node, posted.uid(), posted.identity(), address(grant(node), 5));
        await().atMost(SOON).until(() -> published(node, posted).isPresent());

        delete("/v1/nodes/" + node).statusCode(204);
        assertThat(published(node, posted)).isEmpty();
        attach(node, posted.uid(), posted.identity(), "10.99.9.9");

        await().during(Duration.ofSeconds(1))
                .atMost(SOON)
                .until(() -> published(node, posted).isEmpty());
    }

    /** Long enough for several rounds of everything. */
    private void assertStays(String node, Posted posted) {
        Optional<Endpoint> before = published(node, posted);
        await().during(Duration.ofSeconds(2))
                .atMost(SOON)
                .until(() -> published(node, posted).equals(before));
        assertThat(before).isPresent();
    }

    private Optional<Endpoint> published(String node, Posted posted) {
        return store.get(Keys.endpoint(node, posted.uid())).map(Versioned::value);
    }

    private Prefix grant(String node) {
        int number = BLOCKS.getAndIncrement();
        return grant(node, Prefixes.parse("10.%d.%d.0/26".formatted(100 + number / 256, number % 256)));
    }

    private Prefix grant(String node, Prefix block) {
        store.transaction()
                .put(
                        Keys.nodeBlock(node, "default", block),
                        Block.newBuilder().setPool("default").setBlock(block).build())
                .commit();
        return block;
    }

    private void attach(String node, String uid, int identity, String address) {
        store.transaction()
                .put(
                        Keys.attached(node, uid),
                        Attached.newBuilder()
                                .setUid(uid)
                                .setContainerId("c-" + uid)
                                .setInterface("eth0")
                                .setIdentity(identity)
                                .addAddresses(Prefixes.parseAddress(address))
                                .build())
                .commit();
    }

    private static String address(Prefix block, int last) {
        String network = Prefixes.format(block.getAddress());
        return network.substring(0, network.lastIndexOf('.') + 1) + last;
    }
}

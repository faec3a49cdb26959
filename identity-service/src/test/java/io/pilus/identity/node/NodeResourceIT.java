package io.pilus.identity.node;

import static io.pilus.identity.Rest.PROBLEM;
import static io.pilus.identity.Rest.delete;
import static io.pilus.identity.Rest.get;
import static io.pilus.identity.Rest.json;
import static io.pilus.identity.Rest.name;
import static io.pilus.identity.Rest.namespace;
import static io.pilus.identity.Rest.node;
import static io.pilus.identity.Rest.workload;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;

import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Liveness;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.Owner;
import io.pilus.contract.v1.Realised;
import io.pilus.etcd.EtcdStore;
import io.pilus.identity.Rest.Posted;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class NodeResourceIT {

    private static final AtomicInteger ADDRESSES = new AtomicInteger();

    @Inject
    EtcdStore store;

    @Test
    void aNodeIsPublishedToAgentsAsItIsRegistered() {
        String one = address();
        String name = name("node");

        json(Map.of("labels", Map.of("zone", "a"), "addresses", List.of(one, "fd00::" + ADDRESSES.get())))
                .put("/v1/nodes/" + name)
                .then()
                .statusCode(201)
                .body("addresses", contains(one, "fd00::" + ADDRESSES.get()), "owner", is("rest"));

        get("/v1/nodes/" + name).statusCode(200).body("labels.zone", is("a"));
        get("/v1/nodes?limit=1000").body("items.name", hasItem(name));
        assertThat(store.get(Keys.clusterNode(name)).orElseThrow().value().getAddressesList())
                .contains(Prefixes.parseAddress(one));
    }

    @Test
    void twoNodesNeverHaveOneAddress() {
        String taken = address();
        String first = node(List.of(taken));

        json(Map.of("addresses", List.of(address(), taken)))
                .put("/v1/nodes/" + name("node"))
                .then()
                .statusCode(409)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:duplicate-address"), "address", is(taken), "node", is(first));
    }

    @Test
    void anAddressThatANodeGaveUpIsFree() {
        String moving = address();
        String first = node(List.of(moving));
        String second = node();

        json(Map.of("addresses", List.of())).put("/v1/nodes/" + first).then().statusCode(200);
        json(Map.of("addresses", List.of(moving)))
                .put("/v1/nodes/" + second)
                .then()
                .statusCode(200);
        delete("/v1/nodes/" + second).statusCode(204);
        json(Map.of("addresses", List.of(moving)))
                .put("/v1/nodes/" + first)
                .then()
                .statusCode(200);
    }

    @Test
    void puttingTheSameAgainWritesNothing() {
        Map<String, ?> body = Map.of("addresses", List.of(address()));
        String path = "/v1/nodes/" + name("node");
        String first = json(body).put(path).then().statusCode(201).extract().header("ETag");

        String again = json(body).put(path).then().statusCode(200).extract().header("ETag");

        assertThat(again).isEqualTo(first);
    }

    @ParameterizedTest
    @CsvSource({
        "10.0.0.256",
        "node.example.com",
        "10.0.0.0/8",
        "127.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "fe80::1",
        "::1",
        "::ffff:10.0.0.1"
    })
    void whatIsNotTheAddressOfOneHostIsRefused(String address) {
        json(Map.of("addresses", List.of(address)))
                .put("/v1/nodes/" + name("node"))
                .then()
                .statusCode(400)
                .contentType(PROBLEM)
                .body("errors[0].pointer", is("/addresses/0"));
    }

    @Test
    void anAddressGivenTwiceIsRefused() {
        json("{\"addresses\": [\"fd00::1:1\", \"fd00:0:0::1:1\"]}")
                .put("/v1/nodes/" + name("node"))
                .then()
                .statusCode(400)
                .body("errors[0].pointer", is("/addresses/1"));
        json("{}").put("/v1/nodes/" + name("node")).then().statusCode(400).body("errors[0].pointer", is("/addresses"));
    }

    @Test
    void whatKubernetesOwnsRestDoesNotTouch() {
        String name = name("kube");
        Node owned =
                Node.newBuilder().setName(name).setOwner(Owner.OWNER_KUBERNETES).build();
        store.transaction().put(Keys.intentNode(name), owned).commit();

        json("{\"addresses\": []}")
                .put("/v1/nodes/" + name)
                .then()
                .statusCode(409)
                .body("type", is("urn:pilus:problem:owned-by-another"));
        delete("/v1/nodes/" + name).statusCode(409);

        assertThat(store.get(Keys.intentNode(name)).orElseThrow().value()).isEqualTo(owned);
    }

    @Test
    void everythingOfANodeGoesWithIt() {
        String namespace = namespace();
        String node = node(List.of(address()));
        String other = node();
        List<Posted> posted = IntStream.range(0, 120)
                .mapToObj(i -> workload(namespace, "w-" + i, node, Map.of()))
                .toList();
        workload(namespace, "stays", other, Map.of());
        store.transaction()
                .put(Keys.attached(node, posted.getFirst().uid()), Attached.getDefaultInstance())
                .put(Keys.endpoint(node, posted.getFirst().uid()), Endpoint.getDefaultInstance())
                .put(Keys.realised(node), Realised.getDefaultInstance())
                .commit();

        delete("/v1/nodes/" + node).statusCode(204);

        get("/v1/nodes/" + node).statusCode(404);
        assertThat(store.get(Keys.clusterNode(node))).isEmpty();
        assertThat(store.listAll(Keys.workloadsOf(node))).isEmpty();
        assertThat(store.listAll(Keys.endpointsOf(node))).isEmpty();
        assertThat(store.listAll(Keys.attachedOf(node))).isEmpty();
        assertThat(store.get(Keys.realised(node))).isEmpty();
        get("/v1/workloads?namespace=" + namespace).body("items.name", contains("stays"));
    }

    @Test
    void whatARunningAgentWroteStaysUntilItIsGone() {
        String node = node();
        store.transaction()
                .put(Keys.realised(node), Realised.getDefaultInstance())
                .put(Keys.live(node), Liveness.getDefaultInstance())
                .commit();

        delete("/v1/nodes/" + node).statusCode(204);

        assertThat(store.get(Keys.realised(node))).isPresent();
    }

    private static String address() {
        int number = ADDRESSES.incrementAndGet();
        return "10.200.%d.%d".formatted(number / 250, number % 250 + 1);
    }
}

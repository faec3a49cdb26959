package io.pilus.ipam.block;

import static io.pilus.contract.Prefixes.parse;
import static io.restassured.RestAssured.given;
import static io.restassured.http.ContentType.JSON;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.PoolDemand;
import io.pilus.etcd.EtcdStore;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** The service as its users and the nodes see it. Each test has addresses and names of its own: 10.{100 + test}.0.0/16. */
@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class BlockResourceIT {

    private static final Duration SOON = Duration.ofSeconds(30);

    @Inject
    EtcdStore store;

    @Test
    void aRegisteredNodeHasABlockOfTheDefaultPoolBeforeItAsks() {
        put("default", """
                {"ranges": ["10.100.0.0/16", "fd00:100::/48"]}""").statusCode(201);
        node("early");

        await().atMost(SOON)
                .untilAsserted(() -> given().get("/v1/blocks?node=early&pool=default")
                        .then()
                        .statusCode(200)
                        .body("items", hasSize(2))
                        .body("items.node", contains("early", "early")));
        String block = given().get("/v1/blocks?node=early&pool=default").path("items[0].block");
        assertThat(store.get(Keys.clusterBlock("default", parse(block)))
                        .orElseThrow()
                        .value()
                        .getNode())
                .isEqualTo("early");
    }

    @Test
    void showsHowFarAPoolIsUsedAndByWhom() {
        put("shown", """
                {"ranges": ["10.101.0.0/24", "fd00:101::/120"]}""").statusCode(201);
        node("shown-1");
        node("shown-2");
        demand(
                "shown-1",
                PoolDemand.newBuilder()
                        .setPool("shown")
                        .setWantedIpv4(100)
                        .setWantedIpv6(10)
                        .setUsedIpv4(84));
        demand("shown-2", PoolDemand.newBuilder().setPool("shown").setWantedIpv4(1));

        await().atMost(SOON)
                .untilAsserted(() -> given().get("/v1/pools/shown")
                        .then()
                        .statusCode(200)
                        .body("capacity.ipv4.total", is(4), "capacity.ipv4.granted", is(3))
                        .body("capacity.ipv4.free", is(1), "capacity.ipv4.resting", is(0))
                        .body("capacity.ipv6.total", is(4), "capacity.ipv6.granted", is(1))
                        .body("nodes.items.node", contains("shown-1", "shown-2"))
                        .body("nodes.items[0].ipv4.blocks", is(2), "nodes.items[0].ipv4.used", is(84))
                        .body("nodes.items[0].ipv6.usable", is(63))
                        .body("nodes.items[1]", not(hasKey("ipv6")))
                        .body("alarms", empty()));
        given().get("/v1/pools/shown?limit=1")
                .then()
                .body("nodes.items.node", contains("shown-1"), "nodes.next", is("shown-1"));
        given().get("/v1/pools/shown?limit=1&from=shown-1")
                .then()
                .body("nodes.items.node", contains("shown-2"), "nodes", not(hasKey("next")));
        given().get("/v1/blocks?pool=shown&limit=3").then().body("items", hasSize(3), "next", notNullValue());
        String next = given().get("/v1/blocks?pool=shown&limit=3").path("next");
        given().queryParam("from", next)
                .get("/v1/blocks?pool=shown")
                .then()
                .body("items", hasSize(1), "next", nullValue());
    }

    @Test
    void anExhaustedPoolIsAnAlarmUntilSpaceComes() {
        put("tight", """
                {"ranges": ["10.102.0.0/26"]}""").statusCode(201);
        node("tight-1");
        node("tight-2");
        demand("tight-1", PoolDemand.newBuilder().setPool("tight").setWantedIpv4(10));
        await().atMost(SOON).until(() -> blocks("tight-1", "tight"), hasSize(1));
        demand("tight-2", PoolDemand.newBuilder().setPool("tight").setWantedIpv4(10));

        await().atMost(SOON)
                .untilAsserted(() -> given().get("/v1/alarms?limit=1000")
                        .then()
                        .statusCode(200)
                        .body("items.subject", hasItem("pool tight IPv4"))
                        .body(
                                "items.find { it.subject == 'pool tight IPv4' }.message",
                                allOf(
                                        containsString("1 nodes want 10 addresses more ('tight-2')"),
                                        containsString("add a range to the pool (PUT /v1/pools/tight)"))));
        given().get("/v1/pools/tight").then().body("alarms.reason", contains("pool-exhausted"));
        given().get("/q/metrics")
                .then()
                .body(containsString("pilus_ipam_addresses_missing_addresses{family=\"IPv4\",pool=\"tight\"} 10.0"));
        assertThat(blocks("tight-2", "tight")).isEmpty();

        put("tight", """
                {"ranges": ["10.102.0.0/25"]}""").statusCode(200);

        await().atMost(SOON).until(() -> blocks("tight-2", "tight"), contains("10.102.0.64/26"));
        await().atMost(SOON)
                .untilAsserted(() -> given().get("/v1/pools/tight").then().body("alarms", empty()));
    }

    @Test
    void aBlockThatIsGivenBackRestsAndIsGrantedAgain() {
        put("returned", """
                {"ranges": ["10.103.0.0/26"]}""").statusCode(201);
        node("giver");
        node("taker");
        demand("giver", PoolDemand.newBuilder().setPool("returned").setWantedIpv4(1));
        await().atMost(SOON).until(() -> blocks("giver", "returned"), hasSize(1));
        demand("taker", PoolDemand.newBuilder().setPool("returned").setWantedIpv4(1));

        long offered = System.nanoTime();
        demand("giver", PoolDemand.newBuilder().setPool("returned").addOffered(parse("10.103.0.0/26")));

        await().atMost(SOON).until(() -> blocks("giver", "returned"), empty());
        await().atMost(SOON).until(() -> blocks("taker", "returned"), contains("10.103.0.0/26"));
        assertThat(Duration.ofNanos(System.nanoTime() - offered)).isGreaterThan(Duration.ofSeconds(3));
    }

    @Test
    void aRemovedNodesBlocksRestAndItGetsNewOnesWhenItIsBack() {
        put("removed", """
                {"ranges": ["10.104.0.0/24"]}""").statusCode(201);
        node("removed");
        demand("removed", PoolDemand.newBuilder().setPool("removed").setWantedIpv4(1));
        await().atMost(SOON).until(() -> blocks("removed", "removed"), contains("10.104.0.0/26"));

        store.transaction().delete(Keys.intentNode("removed")).commit();

        await().atMost(SOON).until(() -> blocks("removed", "removed"), empty());
        given().get("/v1/addresses/10.104.0.7").then().statusCode(200).body("node", nullValue());
        node("removed");
        await().atMost(SOON).until(() -> blocks("removed", "removed"), contains("10.104.0.64/26"));
        await().atMost(SOON)
                .untilAsserted(() -> assertThat(store.get(Keys.clusterBlock("removed", parse("10.104.0.0/26"))))
                        .isEmpty());
    }

    @Test
    void saysWhoHasAnAddress() {
        put("asked", """
                {"ranges": ["10.105.0.0/24", "fd00:105::/48"]}""").statusCode(201);
        node("asked");
        demand(
                "asked",
                PoolDemand.newBuilder().setPool("asked").setWantedIpv4(1).setWantedIpv6(1));
        await().atMost(SOON).until(() -> blocks("asked", "asked"), hasSize(2));
        store.transaction()
                .put(
                        Keys.endpoint("asked", "uid-1"),
                        Endpoint.newBuilder()
                                .setUid("uid-1")
                                .setNamespace("shop")
                                .setName("web-0")
                                .setNode("asked")
                                .setIdentity(4711)
                                .addAddresses(Prefixes.parseAddress("10.105.0.7"))
                                .build())
                .commit();

        given().get("/v1/addresses/10.105.0.7")
                .then()
                .statusCode(200)
                .body("pool", is("asked"), "block", is("10.105.0.0/26"), "node", is("asked"))
                .body("endpoint.namespace", is("shop"), "endpoint.name", is("web-0"), "endpoint.uid", is("uid-1"))
                .body("endpoint.identity", is(4711));
        given().get("/v1/addresses/fd00:105::1")
                .then()
                .statusCode(200)
                .body("block", is("fd00:105::/122"), "node", is("asked"), "$", not(hasKey("endpoint")));
        given().get("/v1/addresses/10.105.0.200")
                .then()
                .statusCode(200)
                .body("pool", is("asked"), "$", not(hasKey("block")));
        problem(given().get("/v1/addresses/192.0.2.1").then(), 404, "unknown-address");
        problem(given().get("/v1/addresses/pods.example").then(), 400, "invalid-address");
    }

    @Test
    void refusesNamesAndPagesThatCannotBe() {
        problem(given().get("/v1/blocks?node=Not_A_Node").then(), 400, "invalid-name");
        problem(given().get("/v1/blocks?pool=a/b").then(), 400, "invalid-name");
        problem(given().get("/v1/blocks?limit=0").then(), 400, "invalid-page");
        given().get("/v1/blocks?node=nobody").then().statusCode(200).body("items", empty());
    }

    @Test
    void noRangeIsTakenAwayUnderABlockThatIsBeingGranted() throws Exception {
        for (int i = 0; i < 12; i++) {
            String pool = "race-" + i;
            String kept = "10.106." + i + ".0/26";
            String lost = "10.107." + i + ".0/26";
            put(pool, """
                    {"ranges": ["%s", "%s"]}""".formatted(kept, lost)).statusCode(201);
            node("race");

            demand("race", PoolDemand.newBuilder().setPool(pool).setWantedIpv4(100));
            int pause = 3 * i;
            int status = CompletableFuture.supplyAsync(() -> {
                        sleep(pause);
                        return put(pool, """
                                {"ranges": ["%s"]}""".formatted(kept)).extract().statusCode();
                    })
                    .get();

            assertThat(status).isIn(200, 409);
            await().atMost(SOON).until(() -> blocks("race", pool), status == 200 ? contains(kept) : hasSize(2));
        }
    }

    @Test
    void aBlockThatNobodyCanReadHurtsNobodyElse() {
        put("hurt", """
                {"ranges": ["10.108.0.0/24"]}""").statusCode(201);
        store.transaction()
                .put(
                        Keys.clusterBlock("hurt", parse("10.108.0.0/26")),
                        BlockOwner.newBuilder().setPool("hurt").setNode("x").build())
                .commit();
        node("hurt");

        demand("hurt", PoolDemand.newBuilder().setPool("hurt").setWantedIpv4(1));

        await().atMost(SOON).until(() -> blocks("hurt", "hurt"), contains("10.108.0.64/26"));
    }

    @Test
    void isReadyAndDescribesItself() {
        await().atMost(SOON)
                .untilAsserted(() -> given().get("/q/health/ready").then().statusCode(200));
        given().accept(JSON)
                .get("/q/openapi")
                .then()
                .body("paths.keySet()", hasItem("/v1/blocks"))
                .body("paths.keySet()", hasItem("/v1/addresses/{address}"))
                .body("paths.keySet()", hasItem("/v1/alarms"));
        given().get("/q/swagger-ui/").then().statusCode(200);
    }

    private List<String> blocks(String node, String pool) {
        return given().get("/v1/blocks?limit=1000&node=" + node + "&pool=" + pool)
                .then()
                .statusCode(200)
                .extract()
                .path("items.block");
    }

    private static ValidatableResponse put(String pool, String body) {
        return given().contentType(JSON).body(body).put("/v1/pools/" + pool).then();
    }

    private static ValidatableResponse problem(ValidatableResponse response, int status, String slug) {
        return response.statusCode(status)
                .contentType("application/problem+json")
                .body("type", is("urn:pilus:problem:" + slug));
    }

    private void node(String name) {
        store.transaction()
                .put(Keys.intentNode(name), Node.newBuilder().setName(name).build())
                .commit();
    }

    private void demand(String node, PoolDemand.Builder... pools) {
        var demand = Demand.newBuilder();
        for (PoolDemand.Builder pool : pools) {
            demand.addPools(pool);
        }
        store.transaction().put(Keys.demand(node), demand.build()).commit();
    }

    private static void sleep(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}

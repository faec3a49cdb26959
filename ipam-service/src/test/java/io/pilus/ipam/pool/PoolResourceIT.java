package io.pilus.ipam.pool;

import static io.restassured.RestAssured.given;
import static io.restassured.http.ContentType.JSON;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;

import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.PoolChanges;
import io.pilus.etcd.EtcdStore;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Each test has addresses and names of its own: 10.{test}.0.0/16. */
@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class PoolResourceIT {

    @Inject
    EtcdStore store;

    @Test
    void createsAPoolForUsersAndForAgentsAtOnce() {
        var created = put("both", """
                {"ranges": ["10.1.0.0/16", "fd00:1::/48"], "blockLengthIpv4": 27, "blockLengthIpv6": 121}""");

        created.statusCode(201)
                .body("name", is("both"), "ranges", contains("10.1.0.0/16", "fd00:1::/48"))
                .body("blockLengthIpv4", is(27), "blockLengthIpv6", is(121));
        String etag =
                given().get("/v1/pools/both").then().statusCode(200).extract().header("ETag");
        assertThat(created.extract().header("ETag")).isEqualTo(etag);
        assertThat(store.get(Keys.pool("both"))).hasValueSatisfying(definition -> {
            var ranges = store.get(Keys.clusterPool("both")).orElseThrow();
            assertThat(ranges.modRevision()).isEqualTo(definition.modRevision());
            assertThat(ranges.value().getRangesList())
                    .isEqualTo(definition.value().getRangesList());
        });
    }

    @Test
    void puttingTheSamePoolAgainChangesNothing() {
        String pool = """
                {"ranges": ["10.2.0.0/16"]}""";
        String etag = put("same", pool).statusCode(201).extract().header("ETag");

        put("same", pool)
                .statusCode(200)
                .header("ETag", etag)
                .body("blockLengthIpv4", is(26), "blockLengthIpv6", is(122));
    }

    @Test
    void listsPoolsInPages() {
        put("page-a", """
                {"ranges": ["10.3.0.0/24"]}""").statusCode(201);
        put("page-b", """
                {"ranges": ["10.3.1.0/24"]}""").statusCode(201);
        put("page-c", """
                {"ranges": ["10.3.2.0/24"]}""").statusCode(201);

        given().get("/v1/pools?limit=2&from=page-")
                .then()
                .statusCode(200)
                .body("items.name", contains("page-a", "page-b"), "next", is("page-b"));
        given().get("/v1/pools?limit=1&from=page-b").then().body("items.name", contains("page-c"));
        given().get("/v1/pools?limit=1001").then().statusCode(400).body("type", is("urn:pilus:problem:invalid-page"));
    }

    @Test
    void refusesWhatIsNoPool() {
        problem(put("bad", """
                {"ranges": ["10.4.0.1/16"]}"""), 400, "invalid-range")
                .body("detail", containsString("did you mean 10.4.0.0/16?"), "pointer", is("/ranges/0"));
        problem(put("bad", """
                {"ranges": []}"""), 400, "invalid").body("errors[0].pointer", is("/ranges"));
        problem(put("bad", "{}"), 400, "invalid").body("errors[0].pointer", is("/ranges"));
        problem(put("bad", """
                {"ranges": [null]}"""), 400, "invalid").body("errors[0].pointer", containsString("/ranges/0"));
        problem(put("bad", """
                {"ranges": ["10.4.0.0/16"], "blockLengthIpv4": 8}"""), 400, "invalid-block-length").body("pointer", is("/blockLengthIpv4"));
        problem(put("bad", """
                {"ranges": ["10.4.0.0/16"], "blockLength": 26}"""), 400, "unknown-field");
        problem(put("Bad_Name", """
                {"ranges": ["10.4.0.0/16"]}"""), 400, "invalid-name");
        problem(given().get("/v1/pools/bad").then(), 404, "unknown-pool")
                .body("detail", containsString("PUT /v1/pools/bad creates it"));
        problem(given().delete("/v1/pools/bad").then(), 404, "unknown-pool");
    }

    @Test
    void refusesARangeThatOverlapsAnotherPool() {
        put("overlapped", """
                {"ranges": ["10.5.0.0/16", "fd05::/48"]}""").statusCode(201);

        problem(put("overlapping", """
                {"ranges": ["10.5.7.0/24"]}"""), 409, "pool-overlap")
                .body("pool", is("overlapped"), "range", is("10.5.7.0/24"), "otherRange", is("10.5.0.0/16"));
        problem(put("overlapping", """
                {"ranges": ["fd05::/16"]}"""), 409, "pool-overlap").body("otherRange", is("fd05::/48"));
    }

    @Test
    void refusesARangeThatHoldsANodesAddress() {
        node("node-in-pool", "10.6.0.17");

        problem(put("over-node", """
                {"ranges": ["10.6.0.0/16"]}"""), 409, "node-overlap")
                .body("node", is("node-in-pool"), "address", is("10.6.0.17"));
    }

    @Test
    void growsButGivesUpNoRangeInWhichABlockIsHeld() {
        put("shrinking", """
                {"ranges": ["10.7.0.0/24"]}""").statusCode(201);
        put("shrinking", """
                {"ranges": ["10.7.0.0/23"]}""").statusCode(200).body("ranges", contains("10.7.0.0/23"));
        node("n1", "192.168.7.1");
        block("shrinking", "10.7.1.64/26", "n1", 0);

        problem(put("shrinking", """
                {"ranges": ["10.7.0.0/24"]}"""), 409, "pool-in-use")
                .body("block", is("10.7.1.64/26"), "node", is("n1"), "blocksInUse", is(1))
                .body("detail", containsString("held by node 'n1'"));
        problem(given().delete("/v1/pools/shrinking").then(), 409, "pool-in-use");
        put("shrinking", """
                {"ranges": ["10.7.1.0/24"]}""").statusCode(200);
        put("shrinking", """
                {"ranges": ["10.7.1.0/25", "10.7.1.128/25", "10.7.2.0/24"]}""").statusCode(200);
    }

    @Test
    void keepsABlockThatRestsAndSaysUntilWhen() {
        put("resting", """
                {"ranges": ["10.8.0.0/24"]}""").statusCode(201);
        block("resting", "10.8.0.0/26", "", System.currentTimeMillis() + 3_600_000);

        problem(given().delete("/v1/pools/resting").then(), 409, "pool-in-use")
                .body("detail", containsString("rests until 20"));
    }

    @Test
    void deletesAPoolThatNobodyUses() {
        put("short-lived", """
                {"ranges": ["10.9.0.0/24"]}""").statusCode(201);

        given().delete("/v1/pools/short-lived").then().statusCode(204);

        given().get("/v1/pools/short-lived").then().statusCode(404);
        assertThat(store.get(Keys.clusterPool("short-lived"))).isEmpty();
        put("other-life", """
                {"ranges": ["10.9.0.0/24"]}""").statusCode(201);
    }

    @Test
    void changesOnlyWhatTheClientHasSeen() {
        String etag = put("tagged", """
                {"ranges": ["10.10.0.0/24"]}""").extract().header("ETag");

        given().header("If-Match", etag)
                .contentType(JSON)
                .body("""
                        {"ranges": ["10.10.0.0/23"]}""")
                .put("/v1/pools/tagged")
                .then()
                .statusCode(200);
        problem(
                given().header("If-Match", etag)
                        .contentType(JSON)
                        .body("""
                                {"ranges": ["10.10.0.0/22"]}""")
                        .put("/v1/pools/tagged")
                        .then(),
                412,
                "changed");
        problem(given().header("If-Match", etag).delete("/v1/pools/tagged").then(), 412, "changed");
    }

    @Test
    void ofManyOverlappingPoolsWrittenAtOnceOnlyOneComesToBe() throws Exception {
        List<Callable<Integer>> writers = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            String name = "racer-" + i;
            String body = """
                    {"ranges": ["10.11.0.0/%d"]}""".formatted(16 + i % 8);
            writers.add(() -> put(name, body).extract().statusCode());
        }

        List<Integer> answers = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (Future<Integer> answer : threads.invokeAll(writers)) {
                answers.add(answer.get());
            }
        }

        assertThat(answers).containsOnly(201, 409).containsOnlyOnce(201);
    }

    @Test
    void describesItselfByOpenApi() {
        given().accept(JSON)
                .get("/q/openapi")
                .then()
                .statusCode(200)
                .body("paths.keySet()", hasItems("/v1/pools", "/v1/pools/{pool}"));
    }

    private static ValidatableResponse put(String pool, String body) {
        return given().contentType(JSON).body(body).put("/v1/pools/" + pool).then();
    }

    private static ValidatableResponse problem(ValidatableResponse response, int status, String slug) {
        return response.statusCode(status)
                .contentType("application/problem+json")
                .body("type", is("urn:pilus:problem:" + slug), "status", is(status));
    }

    private void node(String name, String address) {
        var node = Node.newBuilder()
                .setName(name)
                .addAddresses(Prefixes.parseAddress(address))
                .build();
        assertThat(store.transaction().put(Keys.intentNode(name), node).commit().succeeded())
                .isTrue();
    }

    private void block(String pool, String cidr, String node, long restingSince) {
        var block = Prefixes.parse(cidr);
        assertThat(store.transaction()
                        .put(
                                Keys.clusterBlock(pool, block),
                                BlockOwner.newBuilder()
                                        .setPool(pool)
                                        .setBlock(block)
                                        .setNode(node)
                                        .setRestingSinceEpochMs(restingSince)
                                        .build())
                        .put(Keys.poolGrants(pool), PoolChanges.getDefaultInstance())
                        .commit()
                        .succeeded())
                .isTrue();
    }
}

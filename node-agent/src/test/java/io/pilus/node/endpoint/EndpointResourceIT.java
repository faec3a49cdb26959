package io.pilus.node.endpoint;

import static io.restassured.RestAssured.given;
import static io.restassured.http.ContentType.JSON;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.notNullValue;

import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.Epoch;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.EtcdStore;
import io.pilus.node.testing.AgentSettings;
import io.pilus.node.testing.TestNode;
import io.pilus.node.testing.TestPod;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The agent as a whole: REST, a real etcd, and the kernel. */
@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
@QuarkusTestResource(AgentSettings.class)
class EndpointResourceIT {

    private static final String NODE = "node-1";
    private static final int IDENTITY = 300;
    private static final String POOL = "default";

    @Inject
    EtcdStore store;

    @Inject
    TestNode node;

    private final List<TestPod> pods = new ArrayList<>();

    @BeforeEach
    void publish() {
        var range = Prefixes.parse("10.200.0.0/16");
        var block = Prefixes.parse("10.200.0.0/24");
        store.transaction()
                .put(Keys.EPOCH, Epoch.newBuilder().setClusterId("test").build())
                .put(Keys.identityPolicy(IDENTITY), IdentityPolicy.getDefaultInstance())
                .put(
                        Keys.COMPILED,
                        Compiled.newBuilder().setRevision(1).setLevel(1).build())
                .put(
                        Keys.clusterPool(POOL),
                        PoolRanges.newBuilder().setName(POOL).addRanges(range).build())
                .put(
                        Keys.nodeBlock(NODE, POOL, block),
                        Block.newBuilder().setPool(POOL).setBlock(block).build())
                .put(Keys.workload(NODE, "uid-web"), workload("uid-web", "web"))
                .put(Keys.workload(NODE, "uid-db"), workload("uid-db", "db"))
                .commit();
    }

    @AfterEach
    void close() {
        given().get("/v1/endpoints")
                .jsonPath()
                .getList("items.containerId", String.class)
                .forEach(id -> given().delete("/v1/endpoints/" + id).then().statusCode(204));
        pods.forEach(TestPod::close);
    }

    @Test
    void attachesReportsAndDetaches() {
        TestPod pod = pod();

        ValidatableResponse attached = attach("""
                {"uid": "uid-web", "containerId": "c1", "netns": "%s", "interface": "eth0"}""".formatted(pod.path()));

        attached.statusCode(201)
                .body("uid", is("uid-web"), "containerId", is("c1"), "interface", is("eth0"))
                .body("addresses", hasSize(1), "gateways", hasItem("169.254.1.1"), "mtu", is(1450));
        String address = attached.extract().path("addresses[0]");
        attach("""
                {"uid": "uid-web", "containerId": "c1", "netns": "%s", "interface": "eth0"}""".formatted(pod.path())).statusCode(200).body("addresses[0]", is(address));
        given().get("/v1/endpoints").then().statusCode(200).body("items.containerId", hasItem("c1"));
        given().get("/v1/endpoints/c1").then().statusCode(200).body("addresses[0]", is(address));
        await().untilAsserted(() -> assertThat(store.get(Keys.attached(NODE, "uid-web")))
                .hasValueSatisfying(reported -> {
                    assertThat(reported.value().getContainerId()).isEqualTo("c1");
                    assertThat(reported.value().getAddressesList()).containsExactly(Prefixes.parseAddress(address));
                    assertThat(reported.value().getIdentity()).isEqualTo(IDENTITY);
                }));

        given().delete("/v1/endpoints/c1").then().statusCode(204);

        given().delete("/v1/endpoints/c1").then().statusCode(204);
        given().get("/v1/endpoints/c1").then().statusCode(404).body("type", is("urn:pilus:problem:endpoint-unknown"));
        assertThat(pod.hasInterface("eth0")).isFalse();
        await().untilAsserted(() ->
                assertThat(store.get(Keys.attached(NODE, "uid-web"))).isEmpty());
    }

    @Test
    void whatIsAttachedByNameSpeaksByItsPolicy() throws Exception {
        TestPod web = pod();
        TestPod db = pod();
        attach("""
                {"namespace": "shop", "name": "web", "containerId": "c1", "netns": "%s", "interface": "eth0"}""".formatted(web.path())).statusCode(201).body("uid", is("uid-web"), "identity", notNullValue());

        String address =
                attach("""
                {"namespace": "shop", "name": "db", "containerId": "c2", "netns": "%s", "interface": "net1"}""".formatted(db.path())).statusCode(201).extract().path("addresses[0]");

        // no policy selects either of them
        assertThat(TestPod.reaches(web.namespace(), db.namespace(), InetAddress.ofLiteral(address)))
                .isTrue();
        assertThat(TestPod.reaches(node.namespace(), db.namespace(), InetAddress.ofLiteral(address)))
                .isTrue();
    }

    @Test
    void aWorkloadThatNobodyAssignedIsNamed() {
        attach("""
                {"uid": "uid-unknown", "containerId": "c1", "netns": "%s", "interface": "eth0"}""".formatted(pod().path()))
                .statusCode(503)
                .contentType("application/problem+json")
                .body("type", is("urn:pilus:problem:not-ready"), "missing", is("workload"))
                .body("detail", containsString("uid-unknown"));
    }

    @Test
    void aPolicyThatHasNotReachedTheWorkloadsFloorIsWaitedFor() {
        store.transaction()
                .put(
                        Keys.workload(NODE, "uid-late"),
                        workload("uid-late", "late").toBuilder()
                                .setPolicyFloor(1L << 40)
                                .build())
                .commit();

        attach("""
                {"uid": "uid-late", "containerId": "c1", "netns": "%s", "interface": "eth0"}""".formatted(pod().path()))
                .statusCode(503)
                .body("type", is("urn:pilus:problem:not-ready"), "missing", is("identity-policy"));
    }

    @Test
    void anAddressOfAPoolWithoutBlocksIsWaitedFor() {
        store.transaction()
                .put(
                        Keys.workload(NODE, "uid-poor"),
                        workload("uid-poor", "poor").toBuilder().setPool("none").build())
                .commit();

        attach("""
                {"uid": "uid-poor", "containerId": "c1", "netns": "%s", "interface": "eth0"}""".formatted(pod().path()))
                .statusCode(503)
                .body("type", is("urn:pilus:problem:not-ready"), "missing", is("address"), "pool", is("none"));
    }

    @Test
    void badInputIsRefusedWithItsPlace() {
        attach("{").statusCode(400).body("type", is("urn:pilus:problem:malformed-json"));
        attach("{}").statusCode(400).body("type", is("urn:pilus:problem:invalid"), "errors.pointer", hasItem("/netns"));
        attach("""
                {"uid": "uid-web", "containerId": "../c1", "netns": "run", "interface": "a/b", "mtu": 9}""").statusCode(400).body("type", is("urn:pilus:problem:unknown-field"));
        attach("""
                {"uid": "uid-web", "containerId": "../c1", "netns": "run", "interface": "a/b"}""")
                .statusCode(400)
                .body("errors.pointer", hasItem("/containerId"))
                .body("errors.pointer", hasItem("/netns"))
                .body("errors.pointer", hasItem("/interface"))
                .body("errors.detail", everyItem(containsString("is no ")));
        attach("""
                {"namespace": "shop", "containerId": "c1", "netns": "/run/netns/x", "interface": "eth0"}""").statusCode(400).body("type", is("urn:pilus:problem:workload-not-named"));
        attach("""
                {"uid": "uid-web", "containerId": "c1", "netns": "/run/netns/pilus-none", "interface": "eth0"}""")
                .statusCode(400)
                .body("type", is("urn:pilus:problem:no-network-namespace"))
                .body("detail", containsString("/run/netns/pilus-none: No such file or directory"));
        given().get("/v1/endpoints").then().body("items", hasSize(0));
    }

    @Test
    void listsInPages() {
        for (String id : List.of("c1", "c2", "c3")) {
            attach("""
                    {"uid": "uid-web", "containerId": "%s", "netns": "%s", "interface": "eth0"}""".formatted(id, pod().path())).statusCode(201);
        }

        String next = given().get("/v1/endpoints?limit=2")
                .then()
                .statusCode(200)
                .body("items.containerId", is(List.of("c1", "c2")))
                .extract()
                .path("next");

        given().get("/v1/endpoints?limit=2&from=" + next)
                .then()
                .body("items.containerId", is(List.of("c3")))
                .body("$", org.hamcrest.Matchers.not(org.hamcrest.Matchers.hasKey("next")));
        given().get("/v1/endpoints?limit=0").then().statusCode(400);
    }

    private static ValidatableResponse attach(String body) {
        return given().contentType(JSON).body(body).when().post("/v1/endpoints").then();
    }

    private static Workload workload(String uid, String name) {
        return Workload.newBuilder()
                .setUid(uid)
                .setNamespace("shop")
                .setName(name)
                .setNode(NODE)
                .setIdentity(IDENTITY)
                .build();
    }

    private TestPod pod() {
        var pod = new TestPod();
        pods.add(pod);
        return pod;
    }
}

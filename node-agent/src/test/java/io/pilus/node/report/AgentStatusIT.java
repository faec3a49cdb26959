package io.pilus.node.report;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;

import io.pilus.contract.Keys;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.Epoch;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.etcd.EtcdStore;
import io.pilus.libbpf.BpfMap;
import io.pilus.node.datapath.Counter;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.Verdict;
import io.pilus.node.testing.AgentSettings;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What an agent tells of itself, from its start in a cluster that nobody has written to. */
@QuarkusTest
@TestProfile(AgentStatusIT.OfItsOwn.class)
@QuarkusTestResource(EtcdServer.class)
@QuarkusTestResource(AgentSettings.class)
class AgentStatusIT {

    /** No other test has told this agent anything. */
    public static class OfItsOwn implements QuarkusTestProfile {}

    @SuppressWarnings("NullAway.Init")
    @TestHTTPResource(value = "/health/ready", management = true)
    URI ready;

    @SuppressWarnings("NullAway.Init")
    @TestHTTPResource(value = "/metrics", management = true)
    URI metrics;

    @Inject
    EtcdStore store;

    @Inject
    Datapath datapath;

    @Test
    void itIsReadyOnceItKnowsTheClusterAndSaysWhatOfThatIsInTheKernel() {
        ready().statusCode(503)
                .body("status", is("DOWN"))
                .body("checks.find { it.name == 'cluster state' }.status", is("DOWN"))
                .body(
                        "checks.find { it.name == 'cluster state' }.data.reason",
                        containsString("nothing is known of the cluster yet"));

        store.transaction()
                .put(Keys.EPOCH, Epoch.newBuilder().setClusterId("test").build())
                .put(Keys.identityPolicy(300), IdentityPolicy.getDefaultInstance())
                .put(
                        Keys.COMPILED,
                        Compiled.newBuilder().setRevision(1).setLevel(1).build())
                .commit();

        await().untilAsserted(() -> ready().statusCode(200)
                .body("status", is("UP"))
                .body("checks.name", hasItems("cluster state", "flow events")));
        await().untilAsserted(() -> {
            ValidatableResponse status =
                    given().get("/v1/status").then().statusCode(200).body("seen", greaterThan(0));
            status.body("realised", is(status.extract().<Integer>path("seen")))
                    .body("node", is("node-1"), "compiled", greaterThan(0), "store", containsString("test"))
                    .body("endpoints", is(0), "errors", empty(), "documents", empty())
                    .body("maps.slots.used", is(0), "maps.cells.capacity", greaterThan(1000));
        });
    }

    @Test
    void metricsTellWhatWasCountedAndWhatThereWasNoRoomFor() {
        datapath.map("ct_overflowed_v2").update(u32(0), u64(3));
        datapath.map("ct_overflowed_v2").update(u32(1), u64(2));
        datapath.map("events_lost_v1").update(u32(0), u64(7));
        datapath.map("events_lost_v1").update(u32(1), u64(5));
        BpfMap verdicts = datapath.map("verdicts_v1");
        verdicts.update(
                Counter.Key.LAYOUT.encode(new Counter.Key(77, 0, Verdict.DROP_SPOOFED_MAC.number(), 1)),
                Arrays.copyOf(Counter.LAYOUT.encode(new Counter(41, 4100)), verdicts.valueSize()));

        await().untilAsserted(() -> {
            List<String> lines = given().get(metrics)
                    .then()
                    .statusCode(200)
                    .extract()
                    .asString()
                    .lines()
                    .toList();
            assertThat(lines)
                    .contains(
                            "pilus_connections_overflowed_total{reason=\"table-full\"} 3.0",
                            "pilus_connections_overflowed_total{reason=\"over-budget\"} 2.0",
                            "pilus_events_delayed_total{reason=\"over-budget\"} 7.0",
                            "pilus_events_delayed_total{reason=\"ring-full\"} 5.0",
                            "pilus_node_endpoints 0.0",
                            "pilus_node_map_entries{map=\"slots\"} 0.0",
                            "pilus_node_map_entries{map=\"connections\"} 0.0",
                            "pilus_node_map_capacity{map=\"connections\"} 32768.0",
                            "pilus_node_map_capacity{map=\"endpoints\"} 4096.0")
                    .anySatisfy(line -> assertThat(line)
                            .startsWith("pilus_verdicts_total{")
                            .contains("verdict=\"DROP_SPOOFED_MAC\"", "direction=\"ingress\"")
                            .endsWith(" 41.0"));
        });
    }

    private ValidatableResponse ready() {
        return given().get(ready).then();
    }

    private static byte[] u32(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.nativeOrder())
                .putInt(value)
                .array();
    }

    private static byte[] u64(long value) {
        return ByteBuffer.allocate(8)
                .order(ByteOrder.nativeOrder())
                .putLong(value)
                .array();
    }
}

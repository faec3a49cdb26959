package io.pilus.node.flow;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.Event;
import io.pilus.node.datapath.EventGate;
import io.pilus.node.testing.AgentSettings;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Flows as a reader of the agent's REST sees them. */
@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
@QuarkusTestResource(AgentSettings.class)
class FlowResourceIT {

    private static final ByteString A = Prefixes.parseAddress("10.200.0.1");
    private static final ByteString B = Prefixes.parseAddress("10.200.0.2");
    private static final int DROP_POLICY = 16;
    private static final int INGRESS = 1;
    private static final ObjectMapper JSON = new ObjectMapper();

    @Inject
    FlowLog flows;

    @Inject
    Datapath datapath;

    @Test
    void aFollowerGetsEveryFlowOfABurstOnceAndInOrder() throws Exception {
        String before = newest();
        try (HttpClient client = HttpClient.newHttpClient();
                Stream<String> lines = follow(client, "&after=" + before)) {
            Iterator<String> reader = lines.iterator();
            for (int i = 0; i < 5000; i++) {
                flows.add(event(i));
            }
            List<Long> numbers = new ArrayList<>();
            for (int i = 0; i < 5000; i++) {
                numbers.add(number(reader.next()));
            }

            long first = Long.parseLong(before.substring(before.indexOf('-') + 1)) + 1;
            assertThat(numbers).first().isEqualTo(first);
            assertThat(numbers).last().isEqualTo(first + 4999);
            assertThat(numbers).isSorted().doesNotHaveDuplicates();
        }
    }

    @Test
    void aFollowerIsAnsweredBeforeThereIsAFlow() throws Exception {
        try (HttpClient client = HttpClient.newHttpClient()) {
            HttpRequest request = HttpRequest.newBuilder(uri("&after=" + newest()))
                    .timeout(Duration.ofSeconds(5))
                    .build();

            HttpResponse<Stream<String>> response = client.send(request, HttpResponse.BodyHandlers.ofLines());

            try (Stream<String> lines = response.body()) {
                assertThat(response.statusCode()).isEqualTo(200);
                assertThat(lines.iterator().next()).as("a sign of life").isEmpty();
            }
        }
    }

    @Test
    void aFollowerThatFallsBehindGoesOnWithWhatIsKeptAndCanSeeWhatItMissed() throws Exception {
        try (HttpClient client = HttpClient.newHttpClient();
                Stream<String> lines = follow(client, "&after=" + newest())) {
            Iterator<String> reader = lines.iterator();
            flows.add(event(1));
            long first = number(reader.next());

            for (int i = 0; i < 40 * FlowLog.KEPT; i++) {
                flows.add(event(2));
            }
            flows.add(event(3));

            JsonNode flow;
            do {
                flow = JSON.readTree(reader.next());
            } while (flow.at("/source/port").asInt() != 3);
            assertThat(number(flow)).isEqualTo(first + 40L * FlowLog.KEPT + 1);
        }
    }

    @Test
    void theLastAndThoseAfterACursorAndThoseOfAnotherRun() {
        flows.add(event(7001));
        String cursor = flows.recent(null).getLast().cursor().toString();
        flows.add(event(7002));
        flows.add(event(7003));

        assertThat(ports("/v1/flows?limit=2")).containsExactly(7002, 7003);
        assertThat(ports("/v1/flows?after=" + cursor)).containsExactly(7002, 7003);
        assertThat(ports("/v1/flows?limit=1&after=" + cursor)).containsExactly(7002);
        assertThat(ports("/v1/flows?after=00000000-5")).endsWith(7001, 7002, 7003);
        given().get("/v1/flows?after=yesterday")
                .then()
                .statusCode(400)
                .body("type", is("urn:pilus:problem:invalid-cursor"), "detail", containsString("leave it out"));
    }

    @Test
    void whatTheDatapathStillOwesIsToldOnceItIsQuiet() {
        var key = new EventGate.Key(A, 77, 0, 5432, 6, DROP_POLICY, INGRESS, 0);
        var gate = new EventGate(System.nanoTime() - 1_000_000_000, 41, B, 300, 999);
        datapath.map("event_gates_v2").update(EventGate.Key.LAYOUT.encode(key), EventGate.LAYOUT.encode(gate));

        await().untilAsserted(() -> assertThat(recent("/v1/flows?verdict=drop-policy&limit=8192"))
                .filteredOn(flow -> flow.at("/destination/port").asInt() == 5432)
                .singleElement()
                .satisfies(flow -> {
                    assertThat(flow.path("packets").asInt()).isEqualTo(41);
                    assertThat(flow.at("/source/address").asText()).isEqualTo("10.200.0.1");
                    assertThat(flow.at("/destination/address").asText()).isEqualTo("10.200.0.2");
                }));
        assertThat(datapath.eventGates().get(key)).isEmpty();
    }

    private static Event event(int sourcePort) {
        return new Event(System.nanoTime(), A, B, sourcePort, 80, 6, DROP_POLICY, INGRESS, 0, 7, 300, 0, 1);
    }

    private String newest() {
        flows.add(event(1));
        return flows.recent(null).getLast().cursor().toString();
    }

    private static Stream<String> follow(HttpClient client, String query) throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(uri(query)).build(), HttpResponse.BodyHandlers.ofLines())
                .body()
                .filter(line -> !line.isBlank());
    }

    private static URI uri(String query) {
        return URI.create("http://localhost:" + RestAssured.port + "/v1/flows?follow=true" + query);
    }

    private static List<JsonNode> recent(String path) {
        return given().get(path)
                .then()
                .statusCode(200)
                .extract()
                .asString()
                .lines()
                .filter(line -> !line.isBlank())
                .map(FlowResourceIT::json)
                .toList();
    }

    private static List<Integer> ports(String path) {
        return recent(path).stream()
                .map(flow -> flow.at("/source/port").asInt())
                .toList();
    }

    private static JsonNode json(String line) {
        try {
            return JSON.readTree(line);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(line, e);
        }
    }

    private static long number(String line) {
        return number(json(line));
    }

    private static long number(JsonNode flow) {
        String cursor = flow.path("cursor").asText();
        return Long.parseLong(cursor.substring(cursor.indexOf('-') + 1));
    }
}

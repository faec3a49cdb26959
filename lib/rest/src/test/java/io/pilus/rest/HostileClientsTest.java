package io.pilus.rest;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.hamcrest.Matchers;
import org.junit.jupiter.api.Test;

/** Clients that send slowly, without end, or other than they said. Limits are short here. */
@QuarkusTest
@TestProfile(HostileClientsTest.ShortLimits.class)
class HostileClientsTest {

    private static final Duration PATIENT = Duration.ofMinutes(3);
    private static final String HEAD = "POST /sample HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

    public static class ShortLimits implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("pilus.rest.body-timeout", "PT6S", "quarkus.http.idle-timeout", "PT20S");
        }
    }

    @Test
    void aBodyThatComesByteByByteIsEndedAndOthersAreAnsweredMeanwhile() throws IOException {
        List<RawHttp> slow = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            RawHttp client = new RawHttp(RestAssured.port);
            client.send(HEAD + "Content-Length: 1000\r\n\r\n{");
            slow.add(client);
        }

        await().atMost(PATIENT).pollInterval(Duration.ofMillis(200)).until(() -> {
            echo();
            return slow.stream().filter(client -> client.send(" ")).count() == 0;
        });

        for (RawHttp client : slow) {
            assertThat(client.answer())
                    .startsWith("HTTP/1.1 408 ")
                    .contains("urn:pilus:problem:body-too-slow", "within PT6S", "application/problem+json");
            client.close();
        }
        CaseBook.open()
                .write(FaultCase.of(Chapter.FLOODS, "request bodies of a byte now and then")
                        .done(
                                "200 connections that send a byte five times a second, to the REST layer of all services, while others ask")
                        .times(200)
                        .lost("nothing: each gets 408 at the deadline, and all others' requests are answered meanwhile")
                        .guard("a deadline for the body as a whole (pilus.rest.body-timeout); it was not taken out"));
    }

    @Test
    void aBodyWithoutEndIsRefusedAtTheLimit() throws IOException {
        try (var client = new RawHttp(RestAssured.port)) {
            client.send(HEAD + "Transfer-Encoding: chunked\r\n\r\n");
            String chunk = "10000\r\n" + " ".repeat(0x10000) + "\r\n";
            int sent = 0;
            while (sent < 4096 && client.send(chunk)) {
                sent++;
            }

            assertThat(sent).isLessThan(4096);
        }
        echo();
    }

    @Test
    void aBodyThatIsSaidToBeTooLargeIsRefusedBeforeItComes() throws IOException {
        try (var client = new RawHttp(RestAssured.port)) {
            client.send(HEAD + "Content-Length: 3000000\r\n\r\n");

            assertThat(client.answer())
                    .startsWith("HTTP/1.1 413 ")
                    .contains("urn:pilus:problem:body-too-large", "3000000 bytes", "2097152 is the most");
        }
    }

    @Test
    void aLengthThatLiesIsEndedOrRefused() throws IOException {
        try (var tooLong = new RawHttp(RestAssured.port);
                var tooShort = new RawHttp(RestAssured.port);
                var negative = new RawHttp(RestAssured.port);
                var both = new RawHttp(RestAssured.port);
                var gone = new RawHttp(RestAssured.port)) {
            tooLong.send(HEAD + "Content-Length: 100\r\n\r\n{}");
            tooShort.send(HEAD + "Content-Length: 2\r\n\r\n{}{}{}{}\r\n\r\n");
            negative.send(HEAD + "Content-Length: -1\r\n\r\n{}");
            both.send(HEAD + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
            gone.send(HEAD + "Content-Length: 100\r\n\r\n{}");
            gone.endOutput();

            assertThat(tooLong.answer()).startsWith("HTTP/1.1 408 ");
            assertThat(tooShort.answer()).startsWith("HTTP/1.1 200 ").contains("400 Bad Request");
            assertThat(negative.answer()).startsWith("HTTP/1.1 400 ");
            assertThat(both.answer()).doesNotContain("HTTP/1.1 200 ");
            assertThat(gone.answer()).doesNotContain("HTTP/1.1 200 ");
        }
        echo();
    }

    @Test
    void headersWithoutEndAreRefusedAtTheLimitAndSilenceIsEnded() throws IOException {
        try (var endless = new RawHttp(RestAssured.port);
                var silent = new RawHttp(RestAssured.port)) {
            silent.send("GET /sample HT");
            endless.send("GET /sample HTTP/1.1\r\nHost: localhost\r\n");
            int sent = 0;
            while (sent < 10_000 && endless.send("X-" + sent + ": " + "a".repeat(1000) + "\r\n")) {
                sent++;
            }

            assertThat(sent).isLessThan(10_000);
            assertThat(endless.answer()).doesNotContain("HTTP/1.1 200 ");
            assertThat(silent.answer()).isEmpty();
        }
        echo();
    }

    @Test
    void anAnswerMayTakeLongerThanTheLimitsOfARequest() {
        given().contentType(ContentType.JSON)
                .body("{\"namespace\": \"shop\"}")
                .when()
                .post("/sample/patient")
                .then()
                .statusCode(200)
                .body("namespace", Matchers.is("shop"));
    }

    @Test
    void jsonThatIsNestedWithoutEndOrHasALabelTooLargeIsRefused() throws Exception {
        try (var client =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()) {
            for (String body : List.of(
                    "[".repeat(2_000_000),
                    "{\"labels\":" + "{\"a\":".repeat(300_000),
                    "{\"unknown\":" + "[".repeat(1_000_000),
                    "{\"labels\":{\"a\":\"" + "b".repeat(2_000_000) + "\"}}",
                    "{\"" + "k".repeat(2_000_000) + "\":1}",
                    "{\"labels\":{" + labels(100_000) + "}}")) {
                HttpRequest request = HttpRequest.newBuilder(
                                URI.create("http://localhost:" + RestAssured.port + "/sample"))
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString(body))
                        .build();
                HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());

                assertThat(answer.statusCode()).isEqualTo(400);
                assertThat(answer.headers().firstValue("Content-Type")).contains("application/problem+json");
                assertThat(answer.body().length()).as("what is said of it").isLessThan(50_000);
            }
        }
        CaseBook.open()
                .write(FaultCase.of(Chapter.FLOODS, "JSON nested, named or labelled without end")
                        .done(
                                "2 MB of nesting, of one name, of one label, of 100,000 bad labels, to the REST layer of all services")
                        .times(6)
                        .lost("nothing: each gets 400 with where and why, in at most 50 KB")
                        .guard("problem documents are bounded: without, a name of 2 MB was answered with 4 MB"));
    }

    private static String labels(int many) {
        return IntStream.range(0, many).mapToObj(i -> "\"" + i + "\":\"-\"").collect(Collectors.joining(","));
    }

    @Test
    void idleConnectionsLeaveRoomForOthersAndAreEnded() throws IOException {
        List<RawHttp> idle = new ArrayList<>();
        try {
            for (int i = 0; i < 2_000; i++) {
                idle.add(new RawHttp(RestAssured.port));
            }
            echo();

            assertThat(idle).allSatisfy(client -> assertThat(client.answer()).isEmpty());
        } finally {
            idle.forEach(RawHttp::close);
        }
        echo();
    }

    private void echo() {
        given().contentType(ContentType.JSON)
                .body("{\"namespace\": \"shop\"}")
                .when()
                .post("/sample")
                .then()
                .statusCode(200);
    }
}

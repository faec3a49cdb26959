package io.pilus.identity;

import static io.restassured.RestAssured.given;

import io.restassured.http.ContentType;
import io.restassured.response.ValidatableResponse;
import io.restassured.specification.RequestSpecification;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** The calls that the tests of the REST interface make. */
public final class Rest {

    public static final String PROBLEM = "application/problem+json";

    private static final AtomicInteger NAMES = new AtomicInteger();

    private Rest() {}

    /** A name that no other test has. */
    public static String name(String stem) {
        return stem + "-" + NAMES.incrementAndGet();
    }

    /** A namespace of the caller's own. */
    public static String namespace() {
        String name = name("ns");
        json("{}").put("/v1/namespaces/" + name).then().statusCode(201);
        return name;
    }

    /** A node of the caller's own, without addresses. */
    public static String node() {
        return node(List.of());
    }

    public static String node(List<String> addresses) {
        String name = name("node");
        json(Map.of("addresses", addresses)).put("/v1/nodes/" + name).then().statusCode(201);
        return name;
    }

    /** Posts a workload and answers its uid and identity. */
    public static Posted workload(String namespace, String name, String node, Map<String, String> labels) {
        return Posted.of(json(Map.of("namespace", namespace, "name", name, "node", node, "labels", labels))
                .post("/v1/workloads")
                .then()
                .statusCode(201));
    }

    public static RequestSpecification json(Object body) {
        return given().contentType(ContentType.JSON).body(body).when();
    }

    public static ValidatableResponse get(String path) {
        return given().when().get(path).then();
    }

    public static ValidatableResponse delete(String path) {
        return given().when().delete(path).then();
    }

    /** What a workload's creation answered. */
    public record Posted(String uid, int identity, String etag) {
        static Posted of(ValidatableResponse response) {
            var answer = response.extract();
            return new Posted(answer.path("uid"), answer.path("identity"), answer.header("ETag"));
        }
    }
}

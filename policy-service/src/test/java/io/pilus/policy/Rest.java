package io.pilus.policy;

import static io.restassured.RestAssured.given;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.Matchers.is;

import io.restassured.response.ValidatableResponse;
import io.restassured.specification.RequestSpecification;
import java.util.concurrent.atomic.AtomicInteger;

/** The calls that the tests of the REST interface make. */
public final class Rest {

    public static final String DOCUMENTS = "/v1/documents";
    public static final String YAML = "application/yaml";

    private static final AtomicInteger NAMES = new AtomicInteger();

    private Rest() {}

    /** A name that no other test has. */
    public static String name(String stem) {
        return stem + "-" + NAMES.incrementAndGet();
    }

    public static String path(String namespace, String name) {
        return DOCUMENTS + "/NetworkPolicy/" + namespace + "/" + name;
    }

    public static RequestSpecification yaml(String body) {
        return bytes(YAML, body.getBytes(UTF_8));
    }

    public static RequestSpecification json(String body) {
        return bytes("application/json", body.getBytes(UTF_8));
    }

    /** As bytes, for a string of a media type that it does not know is more than RestAssured takes. */
    public static RequestSpecification bytes(String type, byte[] body) {
        return given().contentType(type).body(body).when();
    }

    public static ValidatableResponse get(String path) {
        return given().when().get(path).then();
    }

    /** Checks that the answer is a problem document. */
    public static ValidatableResponse problem(ValidatableResponse answer, int status, String slug) {
        return answer.statusCode(status)
                .contentType("application/problem+json")
                .body("type", is("urn:pilus:problem:" + slug), "status", is(status));
    }

    /** Lets nobody reach the pods of this {@code app} but on the port. */
    public static String policy(String namespace, String name, String app, int port) {
        return """
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: %s, namespace: %s}
                spec:
                  podSelector: {matchLabels: {app: %s}}
                  ingress: [{ports: [{port: %d}]}]
                """.formatted(name, namespace, app, port);
    }
}

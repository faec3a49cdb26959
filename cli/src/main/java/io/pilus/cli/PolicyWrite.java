package io.pilus.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.pilus.lab.Answer;
import io.pilus.lab.Rest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * How the write of a policy went.
 *
 * @param laggards the nodes that did not enforce it in time, each with the reason; empty when nobody waited
 * @param took from the request to the answer
 */
record PolicyWrite(long revision, boolean waited, List<String> laggards, Duration took) {

    static PolicyWrite apply(Rest rest, String kind, String namespace, String name, String body, boolean wait) {
        long began = System.nanoTime();
        Answer answer = rest.put(
                        "/v1/documents/" + kind + "/" + namespace + "/" + name + (wait ? "?wait=enforced" : ""), body)
                .orThrow();
        Duration took = Duration.ofNanos(System.nanoTime() - began);
        List<String> laggards = new ArrayList<>();
        if (wait && answer.status() == 202) {
            JsonNode json = answer.json();
            json.path("pending").forEach(node -> laggards.add(describe(node, "pending")));
            json.path("silent").forEach(node -> laggards.add(describe(node, "silent")));
            json.path("refusing").forEach(node -> laggards.add(describe(node, "refusing")));
            if (laggards.isEmpty()) {
                laggards.add("not enforced yet: " + answer.body());
            }
        }
        return new PolicyWrite(answer.json().path("revision").asLong(), wait, laggards, took);
    }

    boolean enforced() {
        return waited && laggards.isEmpty();
    }

    String summary() {
        String at = "applied at revision " + revision;
        return enforced() ? String.format("%s, enforced everywhere after %.0f ms", at, took.toNanos() / 1e6) : at;
    }

    private static String describe(JsonNode node, String state) {
        return node.isTextual() ? node.asText() + " is " + state : state + ": " + node;
    }
}

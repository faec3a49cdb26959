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
 * @param outcome {@code created}, {@code updated}, {@code unchanged} or {@code deleted}
 * @param enforced the nodes that have it in their kernel
 * @param laggards those that did not get it there in time, each with the reason; empty when nobody waited
 * @param took from the request to the answer
 */
record PolicyWrite(
        String outcome,
        long revision,
        boolean waited,
        List<String> enforced,
        List<String> laggards,
        List<String> warnings,
        Duration took) {

    static PolicyWrite apply(Rest rest, String path, String body, boolean wait) {
        long began = System.nanoTime();
        Answer answer = rest.put(path + (wait ? "?wait=enforced" : ""), body).orThrow();
        return of(answer, wait, Duration.ofNanos(System.nanoTime() - began));
    }

    static PolicyWrite delete(Rest rest, String path, boolean wait) {
        long began = System.nanoTime();
        Answer answer = rest.delete(path + (wait ? "?wait=enforced" : "")).orThrow();
        return of(answer, wait, Duration.ofNanos(System.nanoTime() - began));
    }

    static PolicyWrite of(Answer answer, boolean waited, Duration took) {
        JsonNode json = answer.json();
        List<String> enforced = new ArrayList<>();
        json.path("enforced").forEach(node -> enforced.add(node.asText()));
        List<String> laggards = new ArrayList<>();
        json.path("pending").forEach(node -> laggards.add(node.asText() + " is still at it"));
        json.path("silent")
                .forEach(node -> laggards.add(node.path("node").asText() + " is silent since "
                        + node.path("since").asText("it was registered")));
        json.path("refusing")
                .forEach(node -> laggards.add(node.path("node").asText() + " refuses it: "
                        + node.path("message").asText()));
        if (answer.status() == 202 && laggards.isEmpty()) {
            laggards.add("it is not compiled yet");
        }
        List<String> warnings = new ArrayList<>();
        json.path("warnings")
                .forEach(warning -> warnings.add((warning.path("pointer").asText() + " "
                                + warning.path("detail").asText())
                        .strip()));
        return new PolicyWrite(
                json.path("outcome").asText(),
                json.path("revision").asLong(),
                waited,
                enforced,
                laggards,
                warnings,
                took);
    }

    /** Whether somebody waited for it and it is in every kernel concerned. */
    boolean isEnforced() {
        return waited && laggards.isEmpty();
    }

    String summary() {
        String done = outcome + " at revision " + revision;
        if (!isEnforced()) {
            return done;
        }
        return String.format(
                "%s, enforced %s after %.0f ms",
                done,
                enforced.isEmpty() ? "(it selects nobody)" : "on " + String.join(", ", enforced),
                took.toNanos() / 1e6);
    }
}

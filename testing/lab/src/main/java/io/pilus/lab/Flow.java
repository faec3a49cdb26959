package io.pilus.lab;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Locale;

/**
 * One line of an agent's flows.
 *
 * @param node whose agent said so
 * @param cursor its place among the node's flows
 * @param verdict as bpf/include/pilus/verdict.h names it, without the prefix
 * @param document of the rule that decided, for example {@code NetworkPolicy shop/db}; empty when none did
 * @param path of the rule in its document
 * @param packets how many it stands for
 */
public record Flow(
        String node,
        String cursor,
        String time,
        String verdict,
        String direction,
        Party source,
        Party destination,
        String protocol,
        String document,
        String path,
        long packets) {

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Reads a line. */
    public static Flow parse(String node, String line) {
        try {
            JsonNode json = JSON.readTree(line);
            return new Flow(
                    node,
                    json.path("cursor").asText(),
                    json.path("time").asText(),
                    json.path("verdict").asText(),
                    json.path("direction").asText(),
                    Party.of(json.path("source")),
                    Party.of(json.path("destination")),
                    json.path("protocol").asText(),
                    json.path("rule").path("document").asText(),
                    json.path("rule").path("path").asText(),
                    json.path("packets").asLong(1));
        } catch (JsonProcessingException e) {
            throw new LabException("the agent of " + node + " sent a flow that is no JSON: " + line, e);
        }
    }

    public boolean isDrop() {
        return verdict.toUpperCase(Locale.ROOT).startsWith("DROP");
    }

    /** Document and path; empty when no rule decided. */
    public String rule() {
        return (document + " " + path).strip();
    }

    /**
     * One end.
     *
     * @param workload {@code namespace/name}; empty when it is none that the agent knows
     */
    public record Party(String address, int port, String workload) {

        private static Party of(JsonNode json) {
            return new Party(
                    json.path("address").asText(),
                    json.path("port").asInt(),
                    json.path("workload").asText());
        }

        @Override
        public String toString() {
            String host = address.indexOf(':') >= 0 ? "[" + address + "]" : address;
            return (workload.isEmpty() ? "" : workload + " ") + host + (port == 0 ? "" : ":" + port);
        }
    }
}

package io.pilus.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.pilus.lab.LabException;
import java.util.Locale;

/**
 * One line of an agent's flows.
 *
 * @param verdict as bpf/include/pilus/verdict.h names it, without the prefix
 */
record Flow(
        String node,
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

    static Flow parse(String node, String line) {
        try {
            JsonNode json = JSON.readTree(line);
            return new Flow(
                    node,
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

    boolean isDrop() {
        return verdict.toUpperCase(Locale.ROOT).startsWith("DROP");
    }

    /** The rule that decided, or why none did. */
    String because() {
        String rule = document + (path.isEmpty() ? "" : " " + path);
        return rule.isEmpty() ? verdict : rule;
    }

    String line() {
        String clock = time.length() > 23 ? time.substring(11, 23) : time;
        return String.format(
                "%s %s %-26s %-7s %-6s %s -> %s%s%s",
                clock,
                node,
                isDrop() ? Console.red(verdict) : Console.green(verdict),
                direction,
                protocol,
                source,
                destination,
                document.isEmpty() ? "" : "  by " + because(),
                packets > 1 ? "  x" + packets : "");
    }

    /** One end. */
    record Party(String address, int port, String workload) {

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

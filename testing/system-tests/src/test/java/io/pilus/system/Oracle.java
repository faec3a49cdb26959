package io.pilus.system;

import com.fasterxml.jackson.databind.JsonNode;
import io.pilus.contract.Prefixes;
import io.pilus.lab.PodSpec.Port;
import io.pilus.lab.Transport;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Judges one connection by walking the NetworkPolicies as they were written. It shares no code with the compiler, the tables or
 * the datapath.
 */
final class Oracle {

    private final List<JsonNode> documents;
    private final Map<String, Map<String, String>> namespaces;

    /**
     * @param namespaces their labels
     */
    Oracle(List<JsonNode> documents, Map<String, Map<String, String>> namespaces) {
        this.documents = documents;
        this.namespaces = namespaces;
    }

    /**
     * What must become of the connection.
     *
     * @param rules what may be named as the reason: of a denial, each policy that isolates; empty for what is allowed
     */
    record Expectation(boolean allowed, Set<String> rules) {
        static final Expectation ALLOWED = new Expectation(true, Set.of());
    }

    Expectation judge(Connection connection) {
        Expectation egress = judge(connection, "egress", connection.from(), connection.to());
        return egress.allowed() ? judge(connection, "ingress", connection.to(), connection.from()) : egress;
    }

    private Expectation judge(Connection connection, String direction, Party subject, Party peer) {
        boolean ownNode = !peer.isPod() && peer.node().equals(subject.node());
        if (!subject.isPod() || ownNode || subject.equals(peer)) {
            return Expectation.ALLOWED;
        }
        Set<String> isolating = new HashSet<>();
        for (JsonNode document : documents) {
            if (!document.path("metadata").path("namespace").asText().equals(subject.namespace())
                    || !matches(document.path("spec").path("podSelector"), subject.labels())
                    || !isolates(document.path("spec"), direction)) {
                continue;
            }
            for (JsonNode rule : document.path("spec").path(direction)) {
                JsonNode peers = rule.path(direction.equals("ingress") ? "from" : "to");
                if (peersMatch(peers, subject, peer, connection.six()) && portsMatch(rule.path("ports"), connection)) {
                    return Expectation.ALLOWED;
                }
            }
            isolating.add("NetworkPolicy " + subject.namespace() + "/"
                    + document.path("metadata").path("name").asText() + " default-deny " + direction);
        }
        return isolating.isEmpty() ? Expectation.ALLOWED : new Expectation(false, isolating);
    }

    private static boolean isolates(JsonNode spec, String direction) {
        if (spec.path("policyTypes").isEmpty()) {
            return direction.equals("ingress") || !spec.path("egress").isEmpty();
        }
        return stream(spec.path("policyTypes")).anyMatch(type -> type.asText().equalsIgnoreCase(direction));
    }

    private boolean peersMatch(JsonNode peers, Party subject, Party peer, boolean six) {
        return peers.isEmpty() || stream(peers).anyMatch(item -> peerMatches(item, subject, peer, six));
    }

    private boolean peerMatches(JsonNode item, Party subject, Party peer, boolean six) {
        if (item.has("ipBlock")) {
            String address = peer.address(six);
            return inside(item.path("ipBlock").path("cidr").asText(), address)
                    && stream(item.path("ipBlock").path("except")).noneMatch(e -> inside(e.asText(), address));
        }
        if (!peer.isPod()) {
            return false;
        }
        boolean namespaceMatches = item.has("namespaceSelector")
                ? matches(item.path("namespaceSelector"), namespaces.getOrDefault(peer.namespace(), Map.of()))
                : peer.namespace().equals(subject.namespace());
        return namespaceMatches && (!item.has("podSelector") || matches(item.path("podSelector"), peer.labels()));
    }

    private static boolean portsMatch(JsonNode ports, Connection connection) {
        return ports.isEmpty() || stream(ports).anyMatch(port -> portMatches(port, connection));
    }

    private static boolean portMatches(JsonNode port, Connection connection) {
        if (!port.path("protocol").asText("TCP").equals(connection.transport().name())) {
            return false;
        }
        JsonNode wanted = port.path("port");
        if (wanted.isMissingNode()) {
            return true;
        }
        if (wanted.isTextual()) {
            return connection.to().isPod()
                    && connection.to().ports().stream()
                            .anyMatch(served -> served.equals(
                                    new Port(wanted.asText(), connection.transport(), connection.port())));
        }
        return wanted.asInt() <= connection.port()
                && connection.port() <= port.path("endPort").asInt(wanted.asInt());
    }

    private static boolean matches(JsonNode selector, Map<String, String> labels) {
        boolean byLabels = selector.path("matchLabels")
                .propertyStream()
                .allMatch(wanted -> wanted.getValue().asText().equals(labels.get(wanted.getKey())));
        return byLabels && stream(selector.path("matchExpressions")).allMatch(e -> expressionMatches(e, labels));
    }

    private static boolean expressionMatches(JsonNode expression, Map<String, String> labels) {
        String key = expression.path("key").asText();
        boolean listed = labels.containsKey(key)
                && stream(expression.path("values"))
                        .anyMatch(value -> value.asText().equals(labels.get(key)));
        return switch (expression.path("operator").asText()) {
            case "In" -> listed;
            case "NotIn" -> !listed;
            case "Exists" -> labels.containsKey(key);
            case "DoesNotExist" -> !labels.containsKey(key);
            default -> throw new IllegalArgumentException(expression.toString());
        };
    }

    private static boolean inside(String cidr, String address) {
        return Prefixes.contains(Prefixes.parse(cidr), Prefixes.parseAddress(address));
    }

    private static Stream<JsonNode> stream(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false);
    }

    /** Every way from each party to each pod, and from each pod to who is no pod. */
    static List<Connection> everyConnection(List<Party> parties) {
        return parties.stream()
                .flatMap(from -> parties.stream()
                        .filter(to -> from.isPod() || to.isPod())
                        .flatMap(to -> ports(to).stream()
                                .flatMap(port -> Arrays.stream(Transport.values())
                                        .flatMap(transport -> Stream.of(true, false)
                                                .map(six -> new Connection(from, to, transport, port, six))))))
                .toList();
    }

    private static List<Integer> ports(Party to) {
        return to.isPod() ? List.of(80, 81) : List.of(80);
    }
}

package io.pilus.policy.compile;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.NamedPort;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What NetworkPolicies mean, read word for word from Kubernetes' documentation and straight from the documents. It shares
 * nothing with the compiler but the parsing of CIDRs.
 */
final class KubernetesSemantics {

    record Pod(int identity, String namespace, Map<String, String> labels, List<NamedPort> ports, String address) {}

    private final List<JsonNode> policies;
    private final Map<String, Map<String, String>> namespaces;

    KubernetesSemantics(List<JsonNode> policies, Map<String, Map<String, String>> namespaces) {
        this.policies = policies;
        this.namespaces = namespaces;
    }

    /**
     * @param peer null when the other end is outside the cluster
     * @param peerAddress of the other end
     */
    boolean allowed(boolean ingress, Pod subject, @Nullable Pod peer, String peerAddress, String protocol, int port) {
        boolean isolated = false;
        for (JsonNode policy : policies) {
            JsonNode spec = policy.path("spec");
            if (!policy.path("metadata").path("namespace").asText().equals(subject.namespace())
                    || !matches(spec.path("podSelector"), subject.labels())
                    || !concerns(spec, ingress)) {
                continue;
            }
            isolated = true;
            for (JsonNode rule : spec.path(ingress ? "ingress" : "egress")) {
                JsonNode peers = rule.path(ingress ? "from" : "to");
                JsonNode ports = rule.path("ports");
                Pod destination = ingress ? subject : peer;
                if ((peers.isEmpty() || podMatches(peers, subject, peer))
                        && portMatches(ports, destination, protocol, port)) {
                    return true;
                }
                // an address has no names for its ports
                if (addressMatches(peers, peerAddress)
                        && portMatches(ports, ingress ? subject : null, protocol, port)) {
                    return true;
                }
            }
        }
        return !isolated;
    }

    private static boolean concerns(JsonNode spec, boolean ingress) {
        JsonNode types = spec.path("policyTypes");
        if (types.isEmpty()) {
            return ingress || !spec.path("egress").isEmpty();
        }
        for (JsonNode type : types) {
            if (type.asText().equals(ingress ? "Ingress" : "Egress")) {
                return true;
            }
        }
        return false;
    }

    private static boolean addressMatches(JsonNode peers, String address) {
        for (JsonNode item : peers) {
            if (item.has("ipBlock") && blockHolds(item.path("ipBlock"), address)) {
                return true;
            }
        }
        return false;
    }

    private boolean podMatches(JsonNode peers, Pod subject, @Nullable Pod peer) {
        for (JsonNode item : peers) {
            if (peer != null && !item.has("ipBlock")) {
                boolean namespace = item.has("namespaceSelector")
                        ? matches(item.path("namespaceSelector"), namespaceLabels(peer.namespace()))
                        : peer.namespace().equals(subject.namespace());
                if (namespace && (!item.has("podSelector") || matches(item.path("podSelector"), peer.labels()))) {
                    return true;
                }
            }
        }
        return false;
    }

    private static boolean blockHolds(JsonNode block, String text) {
        ByteString address = Prefixes.parseAddress(text);
        if (!Prefixes.contains(Prefixes.parse(block.path("cidr").asText()), address)) {
            return false;
        }
        for (JsonNode except : block.path("except")) {
            if (Prefixes.contains(Prefixes.parse(except.asText()), address)) {
                return false;
            }
        }
        return true;
    }

    private static boolean portMatches(JsonNode ports, @Nullable Pod destination, String protocol, int port) {
        if (ports.isEmpty()) {
            return true;
        }
        for (JsonNode item : ports) {
            if (!item.path("protocol").asText("TCP").equals(protocol)) {
                continue;
            }
            JsonNode wanted = item.path("port");
            if (wanted.isMissingNode()) {
                return true;
            }
            if (wanted.isNumber()) {
                int last = item.path("endPort").asInt(wanted.asInt());
                if (wanted.asInt() <= port && port <= last) {
                    return true;
                }
            } else if (destination != null) {
                for (NamedPort named : destination.ports()) {
                    if (named.getName().equals(wanted.asText())
                            && named.getProtocol().name().equals("PROTOCOL_" + protocol)
                            && named.getPort() == port) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    private Map<String, String> namespaceLabels(String name) {
        Map<String, String> labels = new HashMap<>(namespaces.getOrDefault(name, Map.of()));
        labels.put("kubernetes.io/metadata.name", name);
        return labels;
    }

    private static boolean matches(JsonNode selector, Map<String, String> labels) {
        for (var wanted : selector.path("matchLabels").properties()) {
            if (!wanted.getValue().asText().equals(labels.get(wanted.getKey()))) {
                return false;
            }
        }
        for (JsonNode expression : selector.path("matchExpressions")) {
            String value = labels.get(expression.path("key").asText());
            boolean listed = false;
            for (JsonNode one : expression.path("values")) {
                listed |= one.asText().equals(value);
            }
            boolean holds = switch (expression.path("operator").asText()) {
                case "In" -> listed;
                case "NotIn" -> !listed;
                case "Exists" -> value != null;
                case "DoesNotExist" -> value == null;
                case String other -> throw new IllegalStateException(other);
            };
            if (!holds) {
                return false;
            }
        }
        return true;
    }
}

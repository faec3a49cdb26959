package io.pilus.policy.compile;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.NamedPort;
import io.pilus.contract.v1.Protocol;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Random pods, namespaces and NetworkPolicies from a seed, from few names so that they meet. */
final class RandomIntent {

    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final List<String> NAMESPACES = List.of("shop", "bank", "lab");
    private static final List<String> KEYS = List.of("app", "tier");
    private static final List<String> VALUES = List.of("web", "db", "x");
    private static final List<String> PORT_NAMES = List.of("http", "dns");
    private static final List<String> PROTOCOLS = List.of("TCP", "UDP", "SCTP");
    static final List<Integer> PORTS = List.of(53, 80, 81, 8080);
    static final List<String> OUTSIDE = List.of("192.0.2.1", "2001:db8::1", "10.9.0.1");

    final Random random;

    RandomIntent(long seed) {
        random = new Random(seed);
    }

    String namespace() {
        return one(NAMESPACES);
    }

    Map<String, String> labels() {
        Map<String, String> labels = new HashMap<>();
        KEYS.forEach(key -> {
            if (random.nextInt(3) != 0) {
                labels.put(key, one(VALUES));
            }
        });
        return labels;
    }

    LabelSet labelSet() {
        var set = LabelSet.newBuilder().setNamespace(namespace()).putAllLabels(labels());
        for (String name : PORT_NAMES) {
            if (random.nextBoolean()) {
                set.addPorts(NamedPort.newBuilder()
                        .setName(name)
                        .setProtocol(random.nextInt(3) == 0 ? Protocol.PROTOCOL_UDP : Protocol.PROTOCOL_TCP)
                        .setPort(one(PORTS)));
            }
        }
        return set.build();
    }

    String protocol() {
        return one(PROTOCOLS);
    }

    ObjectNode policy(String namespace, String name) {
        ObjectNode document = JSON.objectNode();
        document.put("apiVersion", "networking.k8s.io/v1").put("kind", "NetworkPolicy");
        document.putObject("metadata").put("name", name).put("namespace", namespace);
        ObjectNode spec = document.putObject("spec");
        spec.set("podSelector", selector());
        if (random.nextInt(3) != 0) {
            ArrayNode types = spec.putArray("policyTypes");
            if (random.nextBoolean()) {
                types.add("Ingress");
            }
            if (random.nextBoolean()) {
                types.add("Egress");
            }
        }
        for (String direction : List.of("ingress", "egress")) {
            if (random.nextInt(3) != 0) {
                ArrayNode rules = spec.putArray(direction);
                int count = random.nextInt(3);
                for (int i = 0; i < count; i++) {
                    rules.add(rule(direction.equals("ingress") ? "from" : "to"));
                }
            }
        }
        return document;
    }

    <T> T one(List<T> of) {
        return of.get(random.nextInt(of.size()));
    }

    private ObjectNode rule(String peers) {
        ObjectNode rule = JSON.objectNode();
        if (random.nextInt(4) != 0) {
            ArrayNode list = rule.putArray(peers);
            int count = random.nextInt(3);
            for (int i = 0; i < count; i++) {
                list.add(peer());
            }
        }
        if (random.nextInt(3) != 0) {
            ArrayNode list = rule.putArray("ports");
            int count = random.nextInt(3);
            for (int i = 0; i < count; i++) {
                list.add(port());
            }
        }
        return rule;
    }

    private ObjectNode peer() {
        ObjectNode peer = JSON.objectNode();
        switch (random.nextInt(4)) {
            case 0 -> peer.set("podSelector", selector());
            case 1 -> peer.set("namespaceSelector", namespaceSelector());
            case 2 -> {
                peer.set("podSelector", selector());
                peer.set("namespaceSelector", namespaceSelector());
            }
            default -> {
                ObjectNode block = peer.putObject("ipBlock");
                switch (random.nextInt(4)) {
                    case 0 -> block.put("cidr", "10.0.0.0/8").putArray("except").add("10.0.0.4/30");
                    case 1 -> block.put("cidr", "10.0.0." + random.nextInt(8) + "/32");
                    case 2 ->
                        block.put("cidr", "0.0.0.0/0")
                                .putArray("except")
                                .add("10.0.0.0/29")
                                .add("192.0.2.0/24");
                    default -> block.put("cidr", "::/0");
                }
            }
        }
        return peer;
    }

    private ObjectNode port() {
        ObjectNode port = JSON.objectNode();
        if (random.nextBoolean()) {
            port.put("protocol", protocol());
        }
        switch (random.nextInt(4)) {
            case 0 -> port.put("port", one(PORT_NAMES));
            case 1 -> port.put("port", one(PORTS));
            case 2 -> port.put("port", 80).put("endPort", 80 + random.nextInt(9000));
            default -> {}
        }
        return port;
    }

    private ObjectNode namespaceSelector() {
        if (random.nextInt(3) == 0) {
            ObjectNode selector = JSON.objectNode();
            selector.putObject("matchLabels").put("kubernetes.io/metadata.name", namespace());
            return selector;
        }
        return selector();
    }

    private ObjectNode selector() {
        ObjectNode selector = JSON.objectNode();
        if (random.nextInt(3) == 0) {
            return selector;
        }
        if (random.nextBoolean()) {
            selector.putObject("matchLabels").put(one(KEYS), one(VALUES));
        }
        if (random.nextBoolean()) {
            ObjectNode expression =
                    selector.putArray("matchExpressions").addObject().put("key", one(KEYS));
            switch (random.nextInt(4)) {
                case 0 ->
                    expression
                            .put("operator", "In")
                            .putArray("values")
                            .add(one(VALUES))
                            .add(one(VALUES));
                case 1 -> expression.put("operator", "NotIn").putArray("values").add(one(VALUES));
                case 2 -> expression.put("operator", "Exists");
                default -> expression.put("operator", "DoesNotExist");
            }
        }
        return selector;
    }

    List<String> policyNames() {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            names.add("p" + i);
        }
        return names;
    }
}

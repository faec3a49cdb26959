package io.pilus.system;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.pilus.lab.Answer;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Node;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.PodSpec.Port;
import io.pilus.lab.Prober;
import io.pilus.lab.Routing;
import io.pilus.lab.Service;
import io.pilus.lab.Transport;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Two nodes with nine pods in three namespaces, spread so that every pair of namespaces has pods on one node and across. */
final class Stage implements AutoCloseable {

    static final Map<String, Map<String, String>> NAMESPACES = namespaces();

    private static final ObjectMapper YAML = new YAMLMapper();

    private final Lab lab;
    private final List<Party> parties = new ArrayList<>();
    private final Map<String, String> variables = new TreeMap<>();

    Stage(String name, int network, Routing routing) {
        this(name, network, routing, Map.of());
    }

    Stage(String name, int network, Routing routing, Map<String, String> agentSettings) {
        lab = Lab.start(LabConfig.named(name)
                .network(network)
                .routing(routing)
                .agentSettings(agentSettings)
                .progress(line -> System.err.println("  " + line))
                .build());
        NAMESPACES.forEach(lab::putNamespace);
        List<PodSpec> specs = new ArrayList<>();
        for (String namespace : NAMESPACES.keySet()) {
            specs.add(pod(namespace, "a", "n1", Map.of("pod", "a", "tier", "front"), web(80)));
            specs.add(pod(namespace, "b", "n2", Map.of("pod", "b", "tier", "back"), web(80)));
            specs.add(pod(namespace, "c", namespace.equals("y") ? "n2" : "n1", Map.of("pod", "c"), web(81)));
        }
        for (Pod pod : lab.run(specs)) {
            add(new Party(
                    pod.namespace(),
                    pod.name(),
                    pod.node(),
                    pod.spec().labels(),
                    pod.spec().ports(),
                    pod.ipv4(),
                    pod.ipv6(),
                    pod.prober()));
        }
        for (Node node : lab.nodes()) {
            add(stranger("node." + node.name(), node.name(), node.ipv4(), node.ipv6(), node.prober()));
        }
        add(stranger("outside", "", lab.outsideIpv4(), lab.outsideIpv6(), lab.outside()));
    }

    Lab lab() {
        return lab;
    }

    List<Party> parties() {
        return parties;
    }

    Party party(String name) {
        return parties.stream()
                .filter(party -> party.toString().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** The documents of a YAML text, with the addresses that it asks for by <code>${x/a.ipv4}</code>. */
    List<JsonNode> documents(String yaml) {
        String text = yaml;
        for (Map.Entry<String, String> variable : variables.entrySet()) {
            text = text.replace("${" + variable.getKey() + "}", variable.getValue());
        }
        try (MappingIterator<JsonNode> all = YAML.readerFor(JsonNode.class).readValues(text)) {
            return all.readAll().stream().filter(JsonNode::isObject).toList();
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(yaml, e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes the policies and waits until every node concerned enforces them. */
    void apply(List<JsonNode> documents) {
        for (JsonNode document : documents) {
            Answer answer = lab.rest(Service.POLICY)
                    .put(path(document) + "?wait=enforced", document.toString())
                    .orThrow();
            if (answer.status() == 202) {
                throw new AssertionError("not enforced in time: " + answer.body());
            }
        }
    }

    void delete(List<JsonNode> documents) {
        for (JsonNode document : documents) {
            lab.rest(Service.POLICY).delete(path(document) + "?wait=enforced").orThrow();
        }
    }

    @Override
    public void close() {
        lab.close();
    }

    private void add(Party party) {
        parties.add(party);
        variables.put(party + ".ipv4", party.ipv4());
        variables.put(party + ".ipv6", party.ipv6());
    }

    private static String path(JsonNode document) {
        return "/v1/documents/" + document.path("kind").asText() + "/"
                + document.path("metadata").path("namespace").asText() + "/"
                + document.path("metadata").path("name").asText();
    }

    private static Party stranger(String name, String node, String ipv4, String ipv6, Prober prober) {
        return new Party("", name, node, Map.of(), List.of(), ipv4, ipv6, prober);
    }

    /** Serves 80 and 81 by TCP and UDP; what the name "web" means differs. */
    private static List<Port> web(int number) {
        return List.of(
                new Port(number == 80 ? "web" : "", Transport.TCP, 80),
                new Port(number == 81 ? "web" : "", Transport.TCP, 81),
                Port.udp(80),
                new Port("dns", Transport.UDP, 81));
    }

    private static PodSpec pod(
            String namespace, String name, String node, Map<String, String> labels, List<Port> ports) {
        return new PodSpec(namespace, name, node, labels, ports);
    }

    private static Map<String, Map<String, String>> namespaces() {
        Map<String, Map<String, String>> labels = new TreeMap<>();
        for (String name : List.of("x", "y", "z")) {
            labels.put(name, Map.of("ns", name, "kubernetes.io/metadata.name", name));
        }
        return labels;
    }
}

package io.pilus.lab;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;

/**
 * A pod to run: a process that serves the ports and makes connections when told to.
 *
 * @param ports what it serves; those with a name can be spoken of by it in policies
 */
public record PodSpec(String namespace, String name, String node, Map<String, String> labels, List<Port> ports) {

    /** A pod with no other label than {@code app}, its own name. */
    public static PodSpec of(String namespace, String name, String node, Port... ports) {
        return new PodSpec(namespace, name, node, Map.of("app", name), List.of(ports));
    }

    /** As identity-service takes it. */
    ObjectNode workload() {
        ObjectNode workload = JsonNodeFactory.instance
                .objectNode()
                .put("namespace", namespace)
                .put("name", name)
                .put("node", node);
        labels.forEach(workload.putObject("labels")::put);
        ArrayNode named = workload.putArray("ports");
        for (Port port : ports) {
            if (!port.name().isEmpty()) {
                named.addObject()
                        .put("name", port.name())
                        .put("protocol", port.transport().name())
                        .put("port", port.number());
            }
        }
        return workload;
    }

    /**
     * A served port.
     *
     * @param name may be empty
     */
    public record Port(String name, Transport transport, int number) {

        public static Port tcp(int number) {
            return new Port("", Transport.TCP, number);
        }

        public static Port udp(int number) {
            return new Port("", Transport.UDP, number);
        }
    }
}

package io.pilus.policy.compile;

import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.NamedPort;
import io.pilus.policy.rule.Port;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** An identity and what selectors may ask of it. */
public record KnownIdentity(int id, String namespace, Map<String, String> labels, List<NamedPort> ports) {

    static KnownIdentity of(int id, LabelSet set) {
        return new KnownIdentity(
                id, set.getNamespace(), Map.copyOf(set.getLabelsMap()), List.copyOf(set.getPortsList()));
    }

    /** The numbers under which it serves the port, in order; usually one or none. */
    List<Integer> numbers(Port.Named named) {
        return ports.stream()
                .filter(port -> port.getName().equals(named.name()) && port.getProtocol() == named.protocol())
                .map(NamedPort::getPort)
                .distinct()
                .sorted()
                .toList();
    }

    Set<Port.Named> portNames() {
        return ports.stream()
                .map(port -> new Port.Named(port.getName(), port.getProtocol()))
                .collect(Collectors.toSet());
    }
}

package io.pilus.identity.allocation;

import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.NamedPort;
import io.pilus.identity.IdentityConfig;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Leaves what is security-relevant of a workload: the label set that its identity stands for. */
@ApplicationScoped
public class LabelFilter {

    private static final Comparator<NamedPort> ORDER = Comparator.comparing(NamedPort::getName)
            .thenComparingInt(NamedPort::getProtocolValue)
            .thenComparingInt(NamedPort::getPort);

    private final Set<String> dropped = new HashSet<>();
    private final List<String> droppedPrefixes;

    public LabelFilter(IdentityConfig config) {
        config.instanceLabels().stream().filter(key -> !key.endsWith("*")).forEach(dropped::add);
        droppedPrefixes = config.instanceLabels().stream()
                .filter(key -> key.endsWith("*"))
                .map(key -> key.substring(0, key.length() - 1))
                .toList();
    }

    public LabelSet labelSet(
            String namespace, String serviceAccount, Map<String, String> labels, Collection<NamedPort> ports) {
        var kept = new TreeMap<>(labels);
        kept.keySet().removeIf(this::namesAnInstance);
        return LabelSet.newBuilder()
                .setNamespace(namespace)
                .setServiceAccount(serviceAccount)
                .putAllLabels(kept)
                .addAllPorts(ports.stream().distinct().sorted(ORDER).toList())
                .build();
    }

    private boolean namesAnInstance(String key) {
        return dropped.contains(key) || droppedPrefixes.stream().anyMatch(key::startsWith);
    }
}

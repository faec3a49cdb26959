package io.pilus.identity.workload;

import io.pilus.contract.v1.NamedPort;
import java.util.List;
import java.util.Map;

/**
 * A workload as its owner describes it.
 *
 * @param serviceAccount empty for none
 * @param pool empty for the default pool
 */
record WorkloadSpec(
        String namespace,
        String name,
        String node,
        Map<String, String> labels,
        List<NamedPort> ports,
        String serviceAccount,
        String pool) {
    WorkloadSpec {
        labels = Map.copyOf(labels);
        ports = List.copyOf(ports);
    }
}

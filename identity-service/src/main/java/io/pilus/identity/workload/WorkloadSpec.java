package io.pilus.identity.workload;

import io.pilus.contract.v1.NamedPort;
import io.pilus.contract.v1.Owner;
import io.pilus.contract.v1.Workload;
import io.pilus.identity.allocation.Claim;
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

    Workload toMessage(String uid, Owner owner, Claim claim, long policyFloor) {
        return Workload.newBuilder()
                .setUid(uid)
                .setNamespace(namespace)
                .setName(name)
                .setNode(node)
                .putAllLabels(labels)
                .setServiceAccount(serviceAccount)
                .addAllPorts(ports)
                .setOwner(owner)
                .setIdentity(claim.id())
                .setLabelSet(claim.labelSet())
                .setPool(pool)
                .setPolicyFloor(policyFloor)
                .build();
    }

    /** About how many bytes it and its identity are in the store, at most. */
    int size() {
        int size = 1024 + 32 * ports.size();
        for (Map.Entry<String, String> label : labels.entrySet()) {
            size += label.getKey().length() + label.getValue().length() + 8;
        }
        return 3 * size;
    }
}

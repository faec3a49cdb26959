package io.pilus.identity.workload;

import io.pilus.contract.v1.Owner;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.EtcdStore;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.RestoreGate;
import io.pilus.identity.allocation.IdentityAllocator;
import io.pilus.identity.allocation.LabelFilter;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Supplier;

/** What a replica of identity-service does for those who create, relabel and delete workloads. */
public final class Pods {

    public static final String NAMESPACE = "shop";
    public static final String LABEL = "app";

    private final Workloads workloads;

    public Pods(EtcdStore store, EpochStore epochs, IdentityConfig config, Supplier<UUID> uids) {
        var floor = new PolicyFloor(store);
        this.workloads = new Workloads(
                store,
                new IdentityAllocator(store, config),
                new LabelFilter(config),
                floor,
                new GroupCommit(store, floor),
                new RestoreGate(epochs),
                config,
                uids);
    }

    public void create(String name, String node, String label) {
        workloads.create(Owner.OWNER_REST, spec(name, node, label));
    }

    public void put(String name, String node, String label) {
        workloads.put(Owner.OWNER_REST, spec(name, node, label), null);
    }

    public void delete(String name) {
        workloads.delete(Owner.OWNER_REST, NAMESPACE, name, null);
    }

    private static WorkloadSpec spec(String name, String node, String label) {
        return new WorkloadSpec(NAMESPACE, name, node, Map.of(LABEL, label), List.of(), "", "");
    }
}

package io.pilus.identity.node;

import io.pilus.contract.Key;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Workload;
import io.pilus.contract.v1.WorkloadLocation;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Page;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.TransactionResult;
import io.pilus.etcd.Versioned;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;

/**
 * Takes away what a node that is no longer registered has left: endpoints, workloads and, once its agent is gone, what the agent
 * wrote. Its blocks are ipam-service's. Each step can be repeated, and none does anything once the node is registered again.
 */
@ApplicationScoped
public class NodeRemoval {

    /** How many objects one transaction deletes; a workload is two keys. */
    private static final int BATCH = 50;

    private final EtcdStore store;

    NodeRemoval(EtcdStore store) {
        this.store = store;
    }

    /** Returns when nothing is left, or when the node is registered again or its agent still runs. */
    public void sweep(String node) {
        boolean gone = deleteAll(Keys.endpointsOf(node), Keys.intentNode(node)) && deleteWorkloads(node);
        if (gone && store.get(Keys.live(node)).isEmpty()) {
            deleteAll(Keys.attachedOf(node), Keys.intentNode(node), Keys.live(node));
            absent(Keys.intentNode(node), Keys.live(node))
                    .delete(Keys.demand(node))
                    .delete(Keys.realised(node))
                    .delete(Keys.adoptionReport(node))
                    .delete(Keys.nodeAdopted(node))
                    .commit();
        }
    }

    private boolean deleteAll(KeyRange<?> range, Key<?>... absent) {
        while (true) {
            Page<?> page = store.list(range, null, BATCH, 0);
            if (page.items().isEmpty()) {
                return true;
            }
            Transaction transaction = absent(absent);
            page.items().forEach(found -> transaction.delete(range.key(found.key())));
            if (!transaction.commit().succeeded()) {
                return false;
            }
        }
    }

    /** The index of names loses only what still points to the workload: a newer one may have its name by now. */
    private boolean deleteWorkloads(String node) {
        while (true) {
            List<Versioned<Workload>> workloads =
                    store.list(Keys.workloadsOf(node), null, BATCH, 0).items();
            if (workloads.isEmpty()) {
                return true;
            }
            List<Key<WorkloadLocation>> locations = workloads.stream()
                    .map(found -> Keys.workloadLocation(
                            found.value().getNamespace(), found.value().getName()))
                    .distinct()
                    .toList();
            TransactionResult located = store.transaction().getting(locations).commit();
            Transaction transaction = absent(Keys.intentNode(node));
            for (Versioned<Workload> found : workloads) {
                Workload workload = found.value();
                transaction.delete(Keys.workload(node, workload.getUid()));
                Key<WorkloadLocation> key = Keys.workloadLocation(workload.getNamespace(), workload.getName());
                located.read(key)
                        .filter(at -> at.value().getUid().equals(workload.getUid()))
                        .ifPresent(at -> transaction.ifUnchanged(at).delete(key));
            }
            if (!transaction.commit().succeeded()
                    && store.get(Keys.intentNode(node)).isPresent()) {
                return false;
            }
        }
    }

    private Transaction absent(Key<?>... keys) {
        Transaction transaction = store.transaction();
        for (Key<?> key : keys) {
            transaction.ifAbsent(key);
        }
        return transaction;
    }
}

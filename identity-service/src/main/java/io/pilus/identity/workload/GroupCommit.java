package io.pilus.identity.workload;

import io.pilus.contract.Key;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.EtcdRefusedException;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.EtcdUnavailableException;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.TransactionResult;
import io.pilus.etcd.Versioned;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Writes the creations that wait at the same time in one transaction: under load etcd then has a fraction of the work. A transaction
 * that fails says nothing about any one of them; each is then tried alone.
 */
@ApplicationScoped
class GroupCommit {

    /** How many transactions are under way at once. */
    private static final int COMMITTERS = 2;

    /** A creation is four keys at most, and as many conditions beside those that it shares with others. */
    private static final int BATCH = 24;

    private final EtcdStore store;
    private final PolicyFloor floor;
    private final Deque<Pending> waiting = new ArrayDeque<>();
    private int committers;

    GroupCommit(EtcdStore store, PolicyFloor floor) {
        this.store = store;
        this.floor = floor;
    }

    private record Pending(Creation creation, CompletableFuture<Optional<Versioned<Workload>>> outcome) {}

    /**
     * Waits until the creation has been written together with others.
     *
     * @return empty when it was not: the caller tries it alone
     * @throws EtcdUnavailableException when it is unknown
     */
    Optional<Versioned<Workload>> write(Creation creation) {
        var pending = new Pending(creation, new CompletableFuture<>());
        synchronized (this) {
            waiting.add(pending);
            if (committers < COMMITTERS) {
                committers++;
                Thread.startVirtualThread(this::drain);
            }
        }
        try {
            return pending.outcome().join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }

    private void drain() {
        for (List<Pending> group = next(); !group.isEmpty(); group = next()) {
            if (group.size() == 1) {
                group.getFirst().outcome().complete(Optional.empty());
            } else {
                commit(group);
            }
        }
    }

    /** Creations that do not stand in each other's way, in the order in which they came; empty ends the committer. */
    private synchronized List<Pending> next() {
        List<Pending> group = new ArrayList<>();
        Set<String> taken = new HashSet<>();
        long bytes = 0;
        for (var all = waiting.iterator(); all.hasNext() && group.size() < BATCH; ) {
            Pending pending = all.next();
            Creation creation = pending.creation();
            String location = creation.location().path();
            bytes += creation.spec().size();
            if (bytes > Transaction.MAX_BYTES / 2 && !group.isEmpty()) {
                break;
            }
            if (!taken.contains(location) && !taken.contains(creation.claim().hash())) {
                taken.add(location);
                taken.add(creation.claim().hash());
                group.add(pending);
                all.remove();
            }
        }
        if (group.isEmpty()) {
            committers--;
        }
        return group;
    }

    private void commit(List<Pending> group) {
        try {
            long policyFloor = floor.current();
            Transaction transaction = store.transaction();
            Set<Key<?>> surroundings = new HashSet<>();
            List<Workload> workloads = new ArrayList<>();
            for (Pending pending : group) {
                surroundings.addAll(pending.creation().surroundings());
                workloads.add(pending.creation().addTo(transaction, policyFloor));
            }
            surroundings.forEach(transaction::ifPresent);
            TransactionResult result = transaction.commit();
            for (int i = 0; i < group.size(); i++) {
                String key = group.get(i).creation().key().path();
                group.get(i)
                        .outcome()
                        .complete(
                                result.succeeded()
                                        ? Optional.of(new Versioned<>(
                                                key, workloads.get(i), result.revision(), result.revision()))
                                        : Optional.empty());
            }
        } catch (EtcdRefusedException | IllegalStateException e) {
            group.forEach(pending -> pending.outcome().complete(Optional.empty()));
        } catch (RuntimeException e) {
            group.forEach(pending -> pending.outcome().completeExceptionally(e));
        }
    }
}

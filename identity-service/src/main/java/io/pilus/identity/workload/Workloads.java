package io.pilus.identity.workload;

import io.pilus.contract.Key;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.Owner;
import io.pilus.contract.v1.Workload;
import io.pilus.contract.v1.WorkloadLocation;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Page;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.TransactionResult;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.IdentityProblem;
import io.pilus.identity.Ownership;
import io.pilus.identity.RestoreGate;
import io.pilus.identity.Written;
import io.pilus.identity.allocation.Claim;
import io.pilus.identity.allocation.IdentityAllocator;
import io.pilus.identity.allocation.LabelFilter;
import io.pilus.rest.ETags;
import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Writes workloads. A workload, its entry in the index of names and its identity are written in one transaction, which also
 * compares that its namespace and node are there and that nobody retires the identity meanwhile.
 */
@ApplicationScoped
public class Workloads {

    /** How many workloads one transaction reads. */
    private static final int BATCH = Transaction.MAX_OPERATIONS;

    private final EtcdStore store;
    private final IdentityAllocator allocator;
    private final LabelFilter filter;
    private final PolicyFloor floor;
    private final GroupCommit group;
    private final RestoreGate gate;
    private final IdentityConfig config;
    private final Supplier<UUID> uids;

    @Inject
    Workloads(
            EtcdStore store,
            IdentityAllocator allocator,
            LabelFilter filter,
            PolicyFloor floor,
            GroupCommit group,
            RestoreGate gate,
            IdentityConfig config) {
        this(store, allocator, filter, floor, group, gate, config, UUID::randomUUID);
    }

    /**
     * @param uids where the uids of workloads come from
     */
    Workloads(
            EtcdStore store,
            IdentityAllocator allocator,
            LabelFilter filter,
            PolicyFloor floor,
            GroupCommit group,
            RestoreGate gate,
            IdentityConfig config,
            Supplier<UUID> uids) {
        this.store = store;
        this.allocator = allocator;
        this.filter = filter;
        this.floor = floor;
        this.group = group;
        this.gate = gate;
        this.config = config;
        this.uids = uids;
    }

    /**
     * @throws IdentityProblem when the name is taken, the namespace, node or pool is not there, or a restore is not complete
     */
    Versioned<Workload> create(Owner owner, WorkloadSpec spec) {
        Claim claim = claim(spec);
        var creation = new Creation(spec, uids.get().toString(), owner, claim);
        Optional<Versioned<Workload>> together = group.write(creation);
        if (together.isPresent()) {
            allocator.granted(claim, together.get().modRevision());
            return together.get();
        }
        for (int attempt = 0; attempt < config.attempts(); attempt++) {
            List<Key<?>> reads = new ArrayList<>(claim.reads());
            reads.addAll(creation.surroundings());
            reads.add(creation.location());
            var transaction = store.transaction().orElseGetting(reads);
            creation.surroundings().forEach(transaction::ifPresent);
            Workload workload = creation.addTo(transaction, floor.current());
            TransactionResult result = transaction.commit();
            if (result.succeeded()) {
                allocator.granted(claim, result.revision());
                return new Versioned<>(creation.key().path(), workload, result.revision(), result.revision());
            }
            if (result.read(creation.location()).isPresent()) {
                allocator.unused(claim);
                throw IdentityProblem.workloadExists(spec.namespace(), spec.name());
            }
            requireSurroundings(spec, result, claim);
            claim = allocator.refused(claim, result);
            creation = creation.with(claim);
        }
        allocator.unused(claim);
        throw IdentityProblem.contended("the identity of workload '" + spec.name() + "'");
    }

    /**
     * Creates the workload, or changes it in place: it keeps its uid and, when what is security-relevant changes, gets another
     * identity. Writes nothing when nothing changes.
     *
     * @param ifMatch the entity tag that the workload must have, or null
     */
    Written<Workload> put(Owner owner, WorkloadSpec spec, @Nullable String ifMatch) {
        for (int attempt = 0; attempt < config.attempts(); attempt++) {
            Optional<Located> found = locate(spec.namespace(), spec.name());
            ETags.check(ifMatch, found.map(Located::workload), describe(spec.namespace(), spec.name()));
            if (found.isEmpty()) {
                try {
                    return new Written<>(create(owner, spec), true);
                } catch (IdentityProblem e) {
                    if (locate(spec.namespace(), spec.name()).isEmpty()) {
                        throw e;
                    }
                }
            } else {
                Versioned<Workload> seen = found.get().workload();
                Ownership.check(owner, seen.value().getOwner(), describe(spec.namespace(), spec.name()));
                requireUnmoved(seen.value(), spec);
                if (same(seen.value(), spec)) {
                    return new Written<>(seen, false);
                }
                Optional<Versioned<Workload>> changed = change(found.get(), spec);
                if (changed.isPresent()) {
                    return new Written<>(changed.get(), false);
                }
            }
        }
        throw IdentityProblem.contended(describe(spec.namespace(), spec.name()));
    }

    /**
     * @param ifMatch the entity tag that the workload must have, or null
     * @throws IdentityProblem when there is no such workload
     */
    void delete(Owner actor, String namespace, String name, @Nullable String ifMatch) {
        for (int attempt = 0; attempt < config.attempts(); attempt++) {
            Located found = locate(namespace, name).orElseThrow(() -> IdentityProblem.unknownWorkload(namespace, name));
            Versioned<Workload> seen = found.workload();
            Ownership.check(actor, seen.value().getOwner(), describe(namespace, name));
            ETags.check(ifMatch, Optional.of(seen), describe(namespace, name));
            boolean deleted = store.transaction()
                    .ifUnchanged(seen)
                    .ifUnchanged(found.location())
                    .delete(Keys.workload(seen.value().getNode(), seen.value().getUid()))
                    .delete(Keys.workloadLocation(namespace, name))
                    .commit()
                    .succeeded();
            if (deleted) {
                return;
            }
        }
        throw IdentityProblem.contended(describe(namespace, name));
    }

    Optional<Versioned<Workload>> find(String namespace, String name) {
        return locate(namespace, name).map(Located::workload);
    }

    /** Ordered by namespace and name. */
    PageView<Versioned<Workload>> list(PageRequest request, @Nullable String namespace) {
        KeyRange<WorkloadLocation> range =
                namespace == null ? Keys.WORKLOAD_LOCATIONS : Keys.workloadLocationsIn(namespace);
        Page<WorkloadLocation> page = store.list(range, request.firstKey(range), request.limit(), 0);
        List<Key<Workload>> keys = page.items().stream()
                .map(found ->
                        Keys.workload(found.value().getNode(), found.value().getUid()))
                .toList();
        List<Versioned<Workload>> items = new ArrayList<>();
        for (int from = 0; from < keys.size(); from += BATCH) {
            List<Key<Workload>> batch = keys.subList(from, Math.min(from + BATCH, keys.size()));
            TransactionResult read = store.transaction().getting(batch).commit();
            batch.stream().map(read::read).flatMap(Optional::stream).forEach(items::add);
        }
        return new PageView<>(items, PageView.of(page, range, Versioned::key).next());
    }

    /** Those of one node, ordered by uid. */
    PageView<Versioned<Workload>> listOn(String node, PageRequest request, @Nullable String namespace) {
        KeyRange<Workload> range = Keys.workloadsOf(node);
        List<Versioned<Workload>> items = new ArrayList<>();
        String from = request.firstKey(range);
        while (true) {
            Page<Workload> page = store.list(range, from, request.limit(), 0);
            for (int i = 0; i < page.items().size(); i++) {
                Versioned<Workload> found = page.items().get(i);
                if (namespace == null || found.value().getNamespace().equals(namespace)) {
                    items.add(found);
                }
                boolean last = page.next() == null && i == page.items().size() - 1;
                if (items.size() == request.limit() && !last) {
                    return new PageView<>(items, range.parts(found.key())[0]);
                }
            }
            if (page.next() == null) {
                return new PageView<>(items, null);
            }
            from = page.next();
        }
    }

    private record Located(Versioned<WorkloadLocation> location, Versioned<Workload> workload) {}

    private Optional<Located> locate(String namespace, String name) {
        Optional<Versioned<WorkloadLocation>> location = store.get(Keys.workloadLocation(namespace, name));
        while (location.isPresent()) {
            WorkloadLocation at = location.get().value();
            Optional<Versioned<Workload>> workload = store.get(Keys.workload(at.getNode(), at.getUid()));
            if (workload.isPresent()) {
                return Optional.of(new Located(location.get(), workload.get()));
            }
            Versioned<WorkloadLocation> seen = location.get();
            location = store.get(Keys.workloadLocation(namespace, name));
            if (location.isPresent() && location.get().modRevision() == seen.modRevision()) {
                throw new IllegalStateException("%s points to workload %s on node %s, which does not exist"
                        .formatted(seen.key(), at.getUid(), at.getNode()));
            }
        }
        return Optional.empty();
    }

    /** Empty when somebody else changed the workload meanwhile. */
    private Optional<Versioned<Workload>> change(Located found, WorkloadSpec spec) {
        Workload before = found.workload().value();
        Claim claim = claim(spec);
        for (int attempt = 0; attempt < config.attempts(); attempt++) {
            Workload after = spec.toMessage(before.getUid(), before.getOwner(), claim, floor.current());
            Key<Workload> key = Keys.workload(spec.node(), before.getUid());
            List<Key<?>> reads = new ArrayList<>(claim.reads());
            reads.add(key);
            var transaction = store.transaction()
                    .ifUnchanged(found.workload())
                    .ifUnchanged(found.location())
                    .put(key, after)
                    .orElseGetting(reads);
            claim.addTo(transaction);
            TransactionResult result = transaction.commit();
            if (result.succeeded()) {
                allocator.granted(claim, result.revision());
                return Optional.of(new Versioned<>(
                        key.path(), after, result.revision(), found.workload().createRevision()));
            }
            Optional<Versioned<Workload>> now = result.read(key);
            if (now.isEmpty() || now.get().modRevision() != found.workload().modRevision()) {
                allocator.unused(claim);
                return Optional.empty();
            }
            claim = allocator.refused(claim, result);
        }
        allocator.unused(claim);
        return Optional.empty();
    }

    private void requireSurroundings(WorkloadSpec spec, TransactionResult result, Claim claim) {
        IdentityProblem problem = null;
        if (result.read(Keys.namespace(spec.namespace())).isEmpty()) {
            problem = IdentityProblem.unknownNamespace(spec.namespace());
        } else if (result.read(Keys.intentNode(spec.node())).isEmpty()) {
            problem = IdentityProblem.unknownNode(spec.node());
        } else if (!spec.pool().isEmpty() && result.read(Keys.pool(spec.pool())).isEmpty()) {
            problem = IdentityProblem.unknownPool(spec.pool());
        }
        if (problem != null) {
            allocator.unused(claim);
            throw problem;
        }
    }

    private static void requireUnmoved(Workload before, WorkloadSpec spec) {
        if (!before.getNode().equals(spec.node())) {
            throw IdentityProblem.workloadMoved(spec.namespace(), spec.name(), "node", before.getNode());
        }
        if (!before.getPool().equals(spec.pool())) {
            throw IdentityProblem.workloadMoved(spec.namespace(), spec.name(), "pool", before.getPool());
        }
    }

    private boolean same(Workload before, WorkloadSpec spec) {
        return before.getLabelsMap().equals(spec.labels())
                && before.getPortsList().equals(spec.ports())
                && before.getServiceAccount().equals(spec.serviceAccount())
                && Objects.equals(before.getLabelSet(), labelSet(spec));
    }

    private Claim claim(WorkloadSpec spec) {
        gate.require();
        return allocator.claim(labelSet(spec));
    }

    private LabelSet labelSet(WorkloadSpec spec) {
        return filter.labelSet(spec.namespace(), spec.serviceAccount(), spec.labels(), spec.ports());
    }

    private static String describe(String namespace, String name) {
        return "workload '%s' in namespace '%s'".formatted(name, namespace);
    }
}

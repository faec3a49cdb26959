package io.pilus.node.report;

import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.AdoptionReport;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.ClusterAdopted;
import io.pilus.contract.v1.Epoch;
import io.pilus.contract.v1.IdentityInUse;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.NodeAdopted;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.StoreId;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.Versioned;
import io.pilus.node.endpoint.Attachment;
import io.pilus.node.endpoint.Endpoints;
import io.pilus.node.state.Entry;
import io.pilus.node.state.NodeState;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.stream.Gatherers;
import org.jboss.logging.Logger;

/**
 * What follows a restore: the node says in the restored store what it has, and goes on from that store once everything of it, and of
 * the other nodes, is there again. Until then its kernel stays as it is (docs/decisions/0007).
 */
final class Adoption {

    private static final Logger LOG = Logger.getLogger(Adoption.class);

    /** Attachments that one transaction writes. */
    private static final int BATCH = 50;

    private final NodeState state;
    private final Endpoints endpoints;
    private final EtcdStore store;
    private final String node;
    private final Key<AdoptionReport> key;

    Adoption(NodeState state, Endpoints endpoints, EtcdStore store) {
        this.state = state;
        this.endpoints = endpoints;
        this.store = store;
        this.node = state.node().node();
        this.key = Keys.adoptionReport(node);
    }

    /**
     * Reports, and adopts the restored store when the report is answered and nothing has changed since.
     *
     * @return whether this node knows the restored store now
     */
    boolean proceed(StoreId restored) {
        AdoptionReport report = compose(restored);
        OptionalLong reported = report(restored, report);
        if (reported.isEmpty()) {
            return false;
        }
        state.lock().lock();
        try {
            if (!state.restored().equals(Optional.of(restored))
                    || !answered(restored, reported.getAsLong())
                    || !compose(restored).equals(report)) {
                return false;
            }
            state.adopt();
            LOG.infof("this node goes on from the restored store %s", restored);
            return true;
        } finally {
            state.lock().unlock();
        }
    }

    /** A node that came after the restore reports too: the others wait for every registered one. What was answered is taken away. */
    void conclude(StoreId known) {
        Optional<Entry> own;
        boolean answered;
        state.lock().lock();
        try {
            own = state.node().entry(key);
            answered = state.node()
                    .entry(Keys.nodeAdopted(node))
                    .map(entry -> entry.read(NodeAdopted.parser()).getRestores() == known.restores())
                    .orElse(false);
        } finally {
            state.lock().unlock();
        }
        if (!answered) {
            report(known, compose(known));
        } else if (own.isPresent()) {
            store.transaction()
                    .ifModRevision(key, own.get().modRevision())
                    .delete(key)
                    .commit();
        }
    }

    private AdoptionReport compose(StoreId to) {
        state.lock().lock();
        try {
            var report = AdoptionReport.newBuilder().setRestores(to.restores());
            Map<Integer, Optional<LabelSet>> identities = new TreeMap<>();
            Map<String, Attachment> attached = new TreeMap<>();
            endpoints.all().forEach(attachment -> attached.put(attachment.uid(), attachment));
            attached.forEach((uid, attachment) -> {
                report.addAttached(Reporter.message(attachment));
                identities.putIfAbsent(attachment.identity(), Optional.empty());
                state.node().workload(uid).ifPresent(workload -> {
                    report.addWorkloads(workload.toBuilder().clearLabelSet());
                    identities.put(workload.getIdentity(), Optional.of(workload.getLabelSet()));
                });
            });
            identities.forEach((id, labels) -> {
                var inUse = IdentityInUse.newBuilder().setId(id);
                labels.ifPresent(inUse::setLabelSet);
                report.addIdentities(inUse);
            });
            state.node().entries(Keys.blocksOf(node)).forEach(entry -> report.addBlocks(entry.read(Block.parser())));
            return report.build();
        } finally {
            state.lock().unlock();
        }
    }

    /** The revision that the report stands at; empty when it could not be written yet. */
    private OptionalLong report(StoreId to, AdoptionReport report) {
        Optional<Versioned<Epoch>> epoch = store.get(Keys.EPOCH)
                .filter(found -> found.value().getClusterId().equals(to.clusterId())
                        && found.value().getRestores() == to.restores());
        if (epoch.isEmpty()) {
            return OptionalLong.empty();
        }
        Optional<Versioned<AdoptionReport>> seen = store.get(key);
        long revision;
        if (seen.isPresent() && seen.get().value().equals(report)) {
            revision = seen.get().modRevision();
        } else {
            Transaction transaction =
                    store.transaction().ifUnchanged(epoch.get()).put(key, report);
            seen.ifPresentOrElse(transaction::ifUnchanged, () -> transaction.ifAbsent(key));
            var result = transaction.commit();
            if (!result.succeeded()) {
                return OptionalLong.empty();
            }
            LOG.infof(
                    "reported to the restored store %s: %d workloads, %d identities, %d blocks",
                    to, report.getAttachedCount(), report.getIdentitiesCount(), report.getBlocksCount());
            revision = result.revision();
        }
        return attached(epoch.get(), report) ? OptionalLong.of(revision) : OptionalLong.empty();
    }

    /** What is attached is published from there, by the same checks as ever. */
    private boolean attached(Versioned<Epoch> epoch, AdoptionReport report) {
        Map<String, Versioned<Attached>> seen = new HashMap<>();
        store.forEach(Keys.attachedOf(node), found -> seen.put(found.value().getUid(), found));
        List<Attached> missing = report.getAttachedList().stream()
                .filter(wanted -> {
                    Versioned<Attached> before = seen.get(wanted.getUid());
                    return before == null || !before.value().equals(wanted);
                })
                .toList();
        return missing.stream().gather(Gatherers.windowFixed(BATCH)).allMatch(some -> {
            Transaction transaction = store.transaction().ifUnchanged(epoch);
            for (Attached wanted : some) {
                Key<Attached> attached = Keys.attached(node, wanted.getUid());
                Versioned<Attached> before = seen.get(wanted.getUid());
                if (before == null) {
                    transaction.ifAbsent(attached);
                } else {
                    transaction.ifUnchanged(before);
                }
                transaction.put(attached, wanted);
            }
            return transaction.commit().succeeded();
        });
    }

    private boolean answered(StoreId restored, long reported) {
        Optional<NodeAdopted> answer = state.newestOfNode(Keys.nodeAdopted(node))
                .map(entry -> entry.read(NodeAdopted.parser()))
                .filter(found -> found.getRestores() == restored.restores() && found.getReportRevision() == reported);
        return answer.isPresent()
                && state.newestOfCluster(Keys.CLUSTER_ADOPTED)
                        .filter(entry -> entry.modRevision() >= answer.get().getClusterRevision())
                        .map(entry -> entry.read(ClusterAdopted.parser()).getRestores() == restored.restores())
                        .orElse(false);
    }
}

package io.pilus.ipam.block;

import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.AdoptionReport;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.PoolChanges;
import io.pilus.contract.v1.Prefix;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.etcd.StoreId;
import io.pilus.etcd.Transaction;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/**
 * The leader's work after a restore: a block that a node reports is that node's again, though the backup does not know it. Until
 * identity-service has seen every registered node's state in the store nothing is granted, taken back or freed
 * (docs/decisions/0007).
 */
@ApplicationScoped
public class Adoption {

    private static final Logger LOG = Logger.getLogger(Adoption.class);

    private final BlockIndex index;
    private final EpochStore epochs;
    private final EtcdStore store;
    private final Map<String, AdoptionReport> reports = new ConcurrentHashMap<>();
    private volatile Map<String, String> conflicts = Map.of();
    private volatile boolean waits;

    Adoption(BlockIndex index, EpochStore epochs, EtcdStore store) {
        this.index = index;
        this.epochs = epochs;
        this.store = store;
    }

    // ---- what the channel says

    void reports(Map<String, AdoptionReport> all) {
        reports.keySet().retainAll(all.keySet());
        reports.putAll(all);
    }

    void report(String node, AdoptionReport report) {
        reports.put(node, report);
    }

    void reportGone(String node) {
        reports.remove(node);
    }

    /** What nodes have and cannot be given, by subject. */
    Map<String, String> conflicts() {
        return conflicts;
    }

    /** Whether a restore is not complete, so that nothing is granted. */
    boolean waits() {
        return waits;
    }

    /** Another replica leads, and says what is in the way. */
    void standBy() {
        conflicts = Map.of();
        waits = false;
    }

    /**
     * One round, from an index that is up to date.
     *
     * @return whether blocks may be granted and taken back
     */
    boolean adopt(Term term) {
        Optional<StoreId> epoch = epochs.find();
        if (epoch.isEmpty() || epoch.get().restores() == 0) {
            return true;
        }
        long restores = epoch.get().restores();
        boolean complete = epochs.isAdopted(epoch.get());
        Map<String, AdoptionReport> current = new TreeMap<>(reports);
        current.values().removeIf(report -> report.getRestores() != restores);
        Map<String, String> found = new TreeMap<>();
        current.forEach((node, report) -> {
            if (index.isRegistered(node)) {
                report.getBlocksList().forEach(block -> adopt(term, node, block, current, found));
            }
        });
        conflicts = found;
        waits = !complete;
        return complete;
    }

    private void adopt(
            Term term, String node, Block reported, Map<String, AdoptionReport> current, Map<String, String> found) {
        Prefix block = reported.getBlock();
        String subject = "restore block " + reported.getPool() + " " + Prefixes.format(block);
        List<String> claiming = new ArrayList<>();
        current.forEach((other, report) -> {
            if (report.getBlocksList().stream().anyMatch(its -> Prefixes.overlap(its.getBlock(), block))) {
                claiming.add(other);
            }
        });
        if (claiming.size() > 1) {
            found.put(
                    subject,
                    "nodes %s have it, or parts of it; detach its workloads on all but one, and restart the agents there without their state"
                            .formatted(String.join(", ", claiming)));
            return;
        }
        Key<Block> copy = Keys.nodeBlock(node, reported.getPool(), block);
        Optional<HeldBlock> held = index.overlapping(block);
        if (held.isEmpty()) {
            HeldBlock granted = HeldBlock.granted(reported.getPool(), block, node, 0);
            write(term.guard(store.transaction()).ifAbsent(granted.key()), granted, copy);
        } else if (!held.get().block().equals(block) || !held.get().pool().equals(reported.getPool())) {
            found.put(
                    subject,
                    "node '%s' has it, and the store has %s of pool '%s', which overlaps it; detach the node's workloads in it"
                            .formatted(
                                    node,
                                    Prefixes.format(held.get().block()),
                                    held.get().pool()));
        } else if (!node.equals(held.get().node())) {
            takeOver(term, node, held.get(), copy, current);
        } else if (store.get(copy).isEmpty()) {
            write(
                    term.guard(store.transaction())
                            .ifModRevision(held.get().key(), held.get().revision()),
                    held.get(),
                    copy);
        }
    }

    /** The backup gives the block to a node that has given it back since: it has reported, and does not name it. */
    private void takeOver(
            Term term, String node, HeldBlock held, Key<Block> copy, Map<String, AdoptionReport> current) {
        String before = held.node();
        if (before != null && index.isRegistered(before) && !current.containsKey(before)) {
            return; // it may have it still
        }
        Transaction transaction = term.guard(store.transaction()).ifModRevision(held.key(), held.revision());
        if (before != null) {
            transaction.delete(Keys.nodeBlock(before, held.pool(), held.block()));
        }
        write(transaction, HeldBlock.granted(held.pool(), held.block(), node, 0), copy);
    }

    private void write(Transaction transaction, HeldBlock block, Key<Block> copy) {
        String node = String.valueOf(block.node());
        var result = transaction
                .ifPresent(Keys.intentNode(node))
                .put(block.key(), block.owner())
                .put(copy, block.copy())
                .put(Keys.poolGrants(block.pool()), PoolChanges.getDefaultInstance())
                .commit();
        if (result.succeeded()) {
            index.block(HeldBlock.granted(block.pool(), block.block(), node, result.revision()));
            LOG.infof("block %s is taken over from node %s", Prefixes.format(block.block()), node);
        }
    }
}

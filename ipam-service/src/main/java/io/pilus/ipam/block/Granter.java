package io.pilus.ipam.block;

import io.pilus.contract.Keys;
import io.pilus.contract.v1.PoolChanges;
import io.pilus.contract.v1.Prefix;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.etcd.Transaction;
import io.pilus.ipam.IpamConfig;
import io.pilus.ipam.block.BlockIndex.Offer;
import io.pilus.ipam.block.BlockIndex.Taken;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Gatherers;

/**
 * The leader's work: grants blocks, takes back what nodes offer or removed nodes had, and ends the rest of blocks. Decides from the
 * index; each transaction compares all that the decision rests on, so that one from an index that lags behind, or from a deposed
 * leader, does nothing.
 */
@ApplicationScoped
class Granter {

    /** Nodes that one round looks at, so that the rounds stay short. */
    private static final int NODES = 200;

    /** Blocks of one transaction: each needs up to three comparisons or writes, and etcd takes 128 of either. */
    private static final int BLOCKS = 40;

    /** What a round came to. */
    enum Round {
        /** There may be more to do at once. */
        MORE,
        /** There is nothing to do until something changes. */
        IDLE,
        /** etcd knows something newer than the index: to be tried again when that has arrived. */
        STALE
    }

    private record Grant(String node, Prefix block, long poolRevision) {}

    private final BlockIndex index;
    private final EtcdStore store;
    private final IpamConfig config;
    private final Clock clock;

    /** Blocks that a transaction grants; halved when one fails, as a single stale node spoils it for all. */
    private int batch = BLOCKS;

    Granter(BlockIndex index, EtcdStore store, IpamConfig config, Clock clock) {
        this.index = index;
        this.store = store;
        this.config = config;
        this.clock = clock;
    }

    Round work(Term term) {
        boolean freed = free(term);
        List<String> nodes = index.takeTouched(NODES);
        Map<String, List<Grant>> wanted = new TreeMap<>();
        try {
            for (String node : nodes) {
                if (index.isRegistered(node)) {
                    index.offer(node).ifPresent(offer -> takeBack(term, offer));
                    choose(node, wanted);
                } else {
                    withdraw(term, node);
                }
            }
            boolean stale = false;
            for (Map.Entry<String, List<Grant>> pool : wanted.entrySet()) {
                stale |= grant(term, pool.getKey(), pool.getValue());
            }
            if (stale) {
                return Round.STALE;
            }
            return freed || !nodes.isEmpty() ? Round.MORE : Round.IDLE;
        } catch (RuntimeException e) {
            nodes.forEach(index::touch);
            throw e;
        } finally {
            // what was granted is known as held by now and stays taken
            wanted.forEach((pool, grants) -> grants.forEach(grant -> index.giveBack(pool, grant.block())));
        }
    }

    private void choose(String node, Map<String, List<Grant>> wanted) {
        boolean waits = false;
        for (Want want : index.wants(node)) {
            Taken taken = index.take(want);
            waits |= taken.exhausted();
            List<Grant> grants = wanted.computeIfAbsent(want.pool(), _ -> new ArrayList<>());
            taken.blocks().forEach(block -> grants.add(new Grant(node, block, taken.poolRevision())));
        }
        index.waiting(node, waits);
    }

    /**
     * Grants them, some at a time.
     *
     * @return whether some were not granted, as etcd knows something newer than the index
     */
    private boolean grant(Term term, String pool, List<Grant> grants) {
        boolean stale = false;
        for (int from = 0; from < grants.size(); ) {
            List<Grant> some = grants.subList(from, Math.min(from + batch, grants.size()));
            from += some.size();
            if (commit(term, pool, some)) {
                batch = Math.min(batch * 2, BLOCKS);
            } else {
                batch = Math.max(1, some.size() / 2);
                stale = true;
                some.forEach(grant -> index.touch(grant.node()));
            }
        }
        return stale;
    }

    private boolean commit(Term term, String pool, List<Grant> grants) {
        Transaction transaction = term.guard(store.transaction())
                .ifModRevision(Keys.pool(pool), grants.getFirst().poolRevision())
                .put(Keys.poolGrants(pool), PoolChanges.getDefaultInstance());
        Set<String> nodes = new HashSet<>();
        for (Grant grant : grants) {
            HeldBlock block = HeldBlock.granted(pool, grant.block(), grant.node(), 0);
            transaction
                    .ifAbsent(block.key())
                    .put(block.key(), block.owner())
                    .put(Keys.nodeBlock(grant.node(), pool, grant.block()), block.copy());
            if (nodes.add(grant.node())) {
                transaction.ifPresent(Keys.intentNode(grant.node()));
            }
        }
        var result = transaction.commit();
        if (result.succeeded()) {
            grants.forEach(
                    grant -> index.block(HeldBlock.granted(pool, grant.block(), grant.node(), result.revision())));
        }
        return result.succeeded();
    }

    /** The node no longer uses these blocks, and still says so when they are taken. */
    private void takeBack(Term term, Offer offer) {
        offer.blocks().stream()
                .gather(Gatherers.windowFixed(BLOCKS))
                .forEach(some -> rest(
                        term.guard(store.transaction())
                                .ifModRevision(Keys.demand(offer.node()), offer.demandRevision()),
                        offer.node(),
                        some));
    }

    /** The node is removed, and not registered again meanwhile. */
    private void withdraw(Term term, String node) {
        index.blocksOf(node).stream()
                .gather(Gatherers.windowFixed(BLOCKS))
                .forEach(some -> rest(term.guard(store.transaction()).ifAbsent(Keys.intentNode(node)), node, some));
    }

    private void rest(Transaction transaction, String node, List<HeldBlock> blocks) {
        Instant now = clock.instant();
        for (HeldBlock block : blocks) {
            HeldBlock resting = block.resting(now, 0);
            transaction
                    .ifModRevision(block.key(), block.revision())
                    .put(block.key(), resting.owner())
                    .delete(Keys.nodeBlock(node, block.pool(), block.block()));
        }
        var result = transaction.commit();
        if (result.succeeded()) {
            blocks.forEach(block -> index.block(block.resting(now, result.revision())));
        }
    }

    /** Blocks that have rested long enough can be granted again. */
    private boolean free(Term term) {
        List<HeldBlock> rested = index.restedSince(clock.instant().minus(config.rest()), BLOCKS);
        if (rested.isEmpty()) {
            return false;
        }
        Transaction transaction = term.guard(store.transaction());
        for (HeldBlock block : rested) {
            transaction.ifModRevision(block.key(), block.revision()).delete(block.key());
        }
        var result = transaction.commit();
        if (result.succeeded()) {
            rested.forEach(block -> index.blockGone(block.pool(), block.block(), result.revision()));
        }
        return result.succeeded();
    }
}

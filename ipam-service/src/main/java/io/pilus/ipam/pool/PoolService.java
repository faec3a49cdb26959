package io.pilus.ipam.pool;

import com.google.protobuf.MessageLite;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Pool;
import io.pilus.contract.v1.PoolChanges;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Page;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.Versioned;
import io.pilus.ipam.IpamConfig;
import io.pilus.rest.ETags;
import io.pilus.rest.PageRequest;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Pools in etcd. Any replica may write: each write compares all that its checks relied on. */
@ApplicationScoped
class PoolService {

    /** How often a write is tried while others write pools, or blocks are granted, at the same time. */
    private static final int ATTEMPTS = 10;

    /**
     * @param created whether the pool is new
     * @param modRevision of the definition
     */
    record Written(Pool pool, long modRevision, boolean created) {}

    private final EtcdStore store;
    private final IpamConfig config;

    PoolService(EtcdStore store, IpamConfig config) {
        this.store = store;
        this.config = config;
    }

    Versioned<Pool> get(String name) {
        return store.get(Keys.pool(name)).orElseThrow(() -> PoolProblem.unknown(name));
    }

    Page<Pool> list(PageRequest page) {
        return store.list(Keys.POOLS, page.firstKey(Keys.POOLS), page.limit(), 0);
    }

    Written put(Pool pool, @Nullable String ifMatch) {
        String name = pool.getName();
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            var changes = store.get(Keys.POOL_CHANGES);
            List<Versioned<Pool>> all = store.listAll(Keys.POOLS);
            Optional<Versioned<Pool>> seen =
                    all.stream().filter(p -> p.value().getName().equals(name)).findFirst();
            ETags.check(ifMatch, seen, "pool '%s'".formatted(name));
            if (seen.isPresent() && seen.get().value().equals(pool)) {
                return new Written(pool, seen.get().modRevision(), false);
            }
            PoolRules.checkPools(pool, all.stream().map(Versioned::value).toList());
            store.forEach(
                    Keys.INTENT_NODES,
                    node -> PoolRules.checkNode(
                            pool, node.value().getName(), node.value().getAddressesList()));
            Transaction write = store.transaction();
            unchanged(write, Keys.POOL_CHANGES, changes);
            unchanged(write, Keys.pool(name), seen);
            if (seen.isPresent() && !PoolRules.covers(pool, seen.get().value())) {
                checkUnused(write, name, held -> !PoolRules.covers(pool, held.getBlock()));
            }
            var written = write.put(Keys.pool(name), pool)
                    .put(
                            Keys.clusterPool(name),
                            PoolRanges.newBuilder()
                                    .setName(name)
                                    .addAllRanges(pool.getRangesList())
                                    .build())
                    .put(Keys.POOL_CHANGES, PoolChanges.getDefaultInstance())
                    .commit();
            if (written.succeeded()) {
                return new Written(pool, written.revision(), seen.isEmpty());
            }
        }
        throw PoolProblem.contended(name);
    }

    void delete(String name, @Nullable String ifMatch) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            var changes = store.get(Keys.POOL_CHANGES);
            Optional<Versioned<Pool>> seen = store.get(Keys.pool(name));
            if (seen.isEmpty()) {
                throw PoolProblem.unknown(name);
            }
            ETags.check(ifMatch, seen, "pool '%s'".formatted(name));
            Transaction write = store.transaction();
            unchanged(write, Keys.POOL_CHANGES, changes);
            unchanged(write, Keys.pool(name), seen);
            checkUnused(write, name, _ -> true);
            if (write.delete(Keys.pool(name))
                    .delete(Keys.clusterPool(name))
                    .delete(Keys.poolGrants(name))
                    .put(Keys.POOL_CHANGES, PoolChanges.getDefaultInstance())
                    .commit()
                    .succeeded()) {
                return;
            }
        }
        throw PoolProblem.contended(name);
    }

    /** Refuses when a block that would be lost is granted or rests; the transaction fails when one is granted hereafter. */
    private void checkUnused(Transaction write, String pool, Predicate<BlockOwner> lost) {
        unchanged(write, Keys.poolGrants(pool), store.get(Keys.poolGrants(pool)));
        List<BlockOwner> held = store.listAll(Keys.clusterBlocksOf(pool)).stream()
                .map(Versioned::value)
                .filter(lost)
                .toList();
        if (!held.isEmpty()) {
            BlockOwner example = held.stream()
                    .filter(block -> !block.getNode().isEmpty())
                    .findFirst()
                    .orElse(held.getFirst());
            Instant restedAt = Instant.ofEpochMilli(example.getRestingSinceEpochMs())
                    .plus(config.rest())
                    .plusMillis(999);
            throw PoolProblem.inUse(pool, example, held.size() - 1L, Instant.ofEpochSecond(restedAt.getEpochSecond()));
        }
    }

    private static <M extends MessageLite> void unchanged(
            Transaction transaction, Key<M> key, Optional<Versioned<M>> seen) {
        seen.ifPresentOrElse(transaction::ifUnchanged, () -> transaction.ifAbsent(key));
    }
}

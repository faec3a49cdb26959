package io.pilus.ipam.block;

import com.google.protobuf.ByteString;
import io.pilus.contract.Blocks;
import io.pilus.contract.Family;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.Pool;
import io.pilus.contract.v1.PoolDemand;
import io.pilus.contract.v1.Prefix;
import io.pilus.ipam.IpamConfig;
import jakarta.enterprise.context.ApplicationScoped;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Pools, blocks, registered nodes and their demands, as every replica keeps them in memory from its channels. The leader adds its own
 * writes at once; what a channel says later of the same revision, or of an older one, changes nothing.
 *
 * <p>Safe for use by several threads.
 */
@ApplicationScoped
public class BlockIndex {

    private static final Comparator<Prefix> BY_ADDRESS = Comparator.<Prefix>comparingInt(
                    prefix -> prefix.getAddress().size())
            .thenComparing(Prefix::getAddress, ByteString.unsignedLexicographicalComparator())
            .thenComparingInt(Prefix::getLength);

    /** What must have been listed before the index says anything. */
    private enum Part {
        POOLS,
        BLOCKS,
        NODES,
        DEMANDS
    }

    private static final class PoolEntry {
        @Nullable
        Pool definition;

        long modRevision;
        final Map<Prefix, HeldBlock> held = new TreeMap<>(BY_ADDRESS);
        final Map<Family, FreeSpace> free = new EnumMap<>(Family.class);

        List<Prefix> ranges() {
            return definition == null ? List.of() : definition.getRangesList();
        }

        void define(@Nullable Pool next) {
            boolean same = definition != null
                    && next != null
                    && definition.getRangesList().equals(next.getRangesList());
            definition = next;
            if (!same) {
                free.clear();
                ranges().forEach(range -> free.computeIfAbsent(Family.of(range), f -> new FreeSpace(f, ranges())));
                held.keySet().forEach(this::take);
            }
        }

        void take(Prefix block) {
            FreeSpace space = free.get(Family.of(block));
            if (space != null) {
                space.take(block);
            }
        }

        void give(Prefix block) {
            FreeSpace space = free.get(Family.of(block));
            if (space != null) {
                space.give(block);
            }
        }
    }

    /** A pool as it was read. */
    record Defined(Pool pool, long modRevision) {}

    /** A demand as it was read. */
    record Demanded(Demand demand, long modRevision) {}

    /** Blocks that a node offers, and the revision of the demand that says so. */
    record Offer(String node, List<HeldBlock> blocks, long demandRevision) {}

    /**
     * Blocks that nobody else can take from this index.
     *
     * @param poolRevision of the pool's definition by which they were chosen
     * @param exhausted whether more would have been taken, had there been more
     */
    record Taken(List<Prefix> blocks, long poolRevision, boolean exhausted) {}

    /** How far a pool's blocks of a family have been granted; counts of blocks. */
    public record Capacity(BigInteger total, long granted, long resting, BigInteger free) {}

    /**
     * What one node has of a pool.
     *
     * @param usable addresses that workloads may have
     * @param used how many of them the node said are in use, cooling ones included
     */
    public record Share(int blocks, long usable, long used) {}

    private final int blocksPerNode;
    private final Set<Part> listed = EnumSet.noneOf(Part.class);
    private final Map<String, PoolEntry> pools = new TreeMap<>();
    private final Map<String, Set<HeldBlock>> byNode = new HashMap<>();
    private final Set<HeldBlock> resting = new HashSet<>();
    private final Set<String> registered = new TreeSet<>();
    private final Map<String, Demanded> demands = new HashMap<>();
    private final Set<String> touched = new LinkedHashSet<>();
    private final Set<String> waiting = new HashSet<>();
    private long blocksRevision;

    BlockIndex(IpamConfig config) {
        this.blocksPerNode = config.blocksPerNode();
    }

    // ---- what the channels say

    synchronized void pools(Map<String, Defined> all) {
        List.copyOf(pools.keySet()).stream()
                .filter(known -> !all.containsKey(known))
                .forEach(this::poolGone);
        all.values().forEach(pool -> pool(pool.pool(), pool.modRevision()));
        listed(Part.POOLS);
    }

    synchronized void pool(Pool pool, long modRevision) {
        PoolEntry entry = pools.computeIfAbsent(pool.getName(), _ -> new PoolEntry());
        entry.define(pool);
        entry.modRevision = modRevision;
        touchAll();
    }

    synchronized void poolGone(String name) {
        PoolEntry entry = pools.get(name);
        if (entry != null) {
            entry.define(null);
            dropIfEmpty(name, entry);
        }
    }

    synchronized void blocks(Collection<HeldBlock> all, long revision) {
        Set<Map.Entry<String, Prefix>> there = new HashSet<>();
        for (HeldBlock block : all) {
            there.add(Map.entry(block.pool(), block.block()));
            // a restored store may list what is older than what was known
            accept(block, revision);
        }
        for (HeldBlock known : allHeld()) {
            if (!there.contains(Map.entry(known.pool(), known.block()))) {
                blockGone(known.pool(), known.block(), revision);
            }
        }
        blocksSeen(revision);
        listed(Part.BLOCKS);
    }

    synchronized void block(HeldBlock block) {
        accept(block, block.revision() - 1);
    }

    /** Replaces what is known of the block unless that is newer than a revision. */
    private void accept(HeldBlock block, long newest) {
        PoolEntry entry = pools.computeIfAbsent(block.pool(), _ -> new PoolEntry());
        HeldBlock known = entry.held.get(block.block());
        if (known != null && known.revision() > newest) {
            return;
        }
        if (known != null) {
            forget(known);
        }
        entry.held.put(block.block(), block);
        entry.take(block.block());
        String node = block.node();
        if (node == null) {
            resting.add(block);
        } else {
            byNode.computeIfAbsent(node, _ -> new LinkedHashSet<>()).add(block);
            touch(node);
        }
    }

    synchronized void blockGone(String pool, Prefix block, long revision) {
        PoolEntry entry = pools.get(pool);
        HeldBlock known = entry == null ? null : entry.held.get(block);
        if (entry == null || known == null || known.revision() > revision) {
            return;
        }
        entry.held.remove(block);
        forget(known);
        entry.give(block);
        dropIfEmpty(pool, entry);
        touched.addAll(waiting);
        notifyAll();
    }

    /** The channel of the blocks has come to this revision. */
    synchronized void blocksSeen(long revision) {
        blocksRevision = Math.max(blocksRevision, revision);
    }

    synchronized void nodes(Set<String> all) {
        for (String node : List.copyOf(registered)) {
            if (!all.contains(node)) {
                nodeGone(node);
            }
        }
        all.forEach(this::node);
        listed(Part.NODES);
    }

    synchronized void node(String node) {
        if (registered.add(node)) {
            touch(node);
        }
    }

    synchronized void nodeGone(String node) {
        registered.remove(node);
        touch(node);
    }

    synchronized void demands(Map<String, Demanded> all) {
        demands.keySet().retainAll(all.keySet());
        demands.putAll(all);
        listed(Part.DEMANDS);
    }

    synchronized void demand(String node, Demand demand, long modRevision) {
        demands.put(node, new Demanded(demand, modRevision));
        touch(node);
    }

    synchronized void demandGone(String node) {
        demands.remove(node);
        touch(node);
    }

    // ---- what the leader asks

    /** Whether everything has been listed once. */
    synchronized boolean complete() {
        return listed.size() == Part.values().length;
    }

    synchronized long blocksRevision() {
        return blocksRevision;
    }

    /** Waits until a node is touched, at most so long. */
    synchronized void awaitTouched(Duration most) throws InterruptedException {
        long deadline = System.nanoTime() + most.toNanos();
        for (long left = most.toMillis(); touched.isEmpty() && left > 0; ) {
            wait(left);
            left = (deadline - System.nanoTime()) / 1_000_000;
        }
    }

    /** Nodes that something happened to since they were taken last. */
    synchronized List<String> takeTouched(int most) {
        List<String> taken = touched.stream().limit(most).toList();
        taken.forEach(touched::remove);
        return taken;
    }

    synchronized void touch(String node) {
        touched.add(node);
        notifyAll();
    }

    /** Looks at every node again. */
    synchronized void touchAll() {
        touched.addAll(registered);
        touched.addAll(byNode.keySet());
        notifyAll();
    }

    /** The node did not get what it wants: it is looked at again when a block becomes free. */
    synchronized void waiting(String node, boolean waits) {
        if (waits) {
            waiting.add(node);
        } else {
            waiting.remove(node);
        }
    }

    synchronized boolean isRegistered(String node) {
        return registered.contains(node);
    }

    synchronized List<HeldBlock> blocksOf(String node) {
        return List.copyOf(byNode.getOrDefault(node, Set.of()));
    }

    /** A block that cannot be granted and has addresses of this one, in any pool. */
    synchronized Optional<HeldBlock> overlapping(Prefix block) {
        return pools.values().stream()
                .flatMap(entry -> entry.held.values().stream())
                .filter(held -> Prefixes.overlap(held.block(), block))
                .findFirst();
    }

    /** What the node offers of the blocks that it has. */
    synchronized Optional<Offer> offer(String node) {
        Demanded demanded = demands.get(node);
        if (demanded == null) {
            return Optional.empty();
        }
        List<HeldBlock> offered = new ArrayList<>();
        for (PoolDemand pool : demanded.demand().getPoolsList()) {
            for (HeldBlock block : byNode.getOrDefault(node, Set.of())) {
                if (block.pool().equals(pool.getPool()) && pool.getOfferedList().contains(block.block())) {
                    offered.add(block);
                }
            }
        }
        return offered.isEmpty() ? Optional.empty() : Optional.of(new Offer(node, offered, demanded.modRevision()));
    }

    /** What the node wants beyond what it has: what its demand says, and an address of the default pool in any case. */
    synchronized List<Want> wants(String node) {
        if (!registered.contains(node)) {
            return List.of();
        }
        List<Want> wants = new ArrayList<>();
        Demanded demanded = demands.get(node);
        Map<String, PoolDemand> asked = new TreeMap<>();
        asked.put(Blocks.DEFAULT_POOL, PoolDemand.getDefaultInstance());
        if (demanded != null) {
            demanded.demand().getPoolsList().forEach(pool -> asked.put(pool.getPool(), pool));
        }
        asked.forEach((pool, demand) -> {
            PoolEntry entry = pools.get(pool);
            if (entry != null) {
                for (Family family : entry.free.keySet()) {
                    want(node, pool, entry, demand, family).ifPresent(wants::add);
                }
            }
        });
        return wants;
    }

    private Optional<Want> want(String node, String pool, PoolEntry entry, PoolDemand demand, Family family) {
        long wanted = wanted(demand, family);
        if (pool.equals(Blocks.DEFAULT_POOL)) {
            wanted = Math.max(wanted, 1);
        }
        int blocks = 0;
        for (HeldBlock block : byNode.getOrDefault(node, Set.of())) {
            if (block.pool().equals(pool) && block.family() == family) {
                blocks++;
                if (!demand.getOfferedList().contains(block.block())) {
                    wanted -= Blocks.usable(block.block(), entry.ranges());
                }
            }
        }
        return wanted > 0
                ? Optional.of(new Want(node, pool, family, wanted, Math.max(0, blocksPerNode - blocks)))
                : Optional.empty();
    }

    /**
     * Takes free blocks for what is wanted, until they are granted or {@link #giveBack given back}; fewer when there are no more.
     */
    synchronized Taken take(Want want) {
        PoolEntry entry = pools.get(want.pool());
        FreeSpace space = entry == null ? null : entry.free.get(want.family());
        List<Prefix> taken = new ArrayList<>();
        long missing = want.missing();
        if (entry != null && entry.definition != null && space != null) {
            while (missing > 0 && taken.size() < want.allowed()) {
                Optional<Prefix> next = space.next(blockLength(entry.definition, want.family()));
                if (next.isEmpty()) {
                    break;
                }
                space.take(next.get());
                taken.add(next.get());
                missing -= Blocks.usable(next.get(), entry.ranges());
            }
        }
        boolean exhausted = missing > 0 && taken.size() < want.allowed();
        return new Taken(taken, entry == null ? 0 : entry.modRevision, exhausted);
    }

    /** A block that was taken and not granted is free again. */
    synchronized void giveBack(String pool, Prefix block) {
        PoolEntry entry = pools.get(pool);
        if (entry != null && !entry.held.containsKey(block)) {
            entry.give(block);
        }
    }

    /** Blocks that have rested since then or longer. */
    synchronized List<HeldBlock> restedSince(Instant then, int most) {
        return resting.stream()
                .filter(block ->
                        block.restingSince() != null && !block.restingSince().isAfter(then))
                .limit(most)
                .toList();
    }

    // ---- what users ask

    synchronized Map<Family, Capacity> capacity(String pool) {
        Map<Family, Capacity> all = new EnumMap<>(Family.class);
        PoolEntry entry = pools.get(pool);
        if (entry != null && entry.definition != null) {
            Pool definition = entry.definition;
            entry.free.forEach((family, space) -> {
                int length = blockLength(definition, family);
                long granted = 0;
                long rests = 0;
                for (HeldBlock block : entry.held.values()) {
                    if (block.family() == family) {
                        granted += block.node() == null ? 0 : 1;
                        rests += block.node() == null ? 1 : 0;
                    }
                }
                all.put(
                        family,
                        new Capacity(
                                new FreeSpace(family, definition.getRangesList()).count(length),
                                granted,
                                rests,
                                space.count(length)));
            });
        }
        return all;
    }

    /** Nodes with blocks of the pool, by name, those behind a given one. */
    synchronized Map<String, Map<Family, Share>> shares(String pool, @Nullable String after, int limit) {
        PoolEntry entry = pools.get(pool);
        var nodes = new TreeSet<String>();
        if (entry != null) {
            for (HeldBlock block : entry.held.values()) {
                if (block.node() != null && (after == null || block.node().compareTo(after) > 0)) {
                    nodes.add(block.node());
                }
            }
        }
        Map<String, Map<Family, Share>> shares = new TreeMap<>();
        nodes.stream().limit(limit).forEach(node -> shares.put(node, shares(node, pool, entry)));
        return shares;
    }

    private Map<Family, Share> shares(String node, String pool, @Nullable PoolEntry entry) {
        Map<Family, Share> shares = new EnumMap<>(Family.class);
        Demanded demanded = demands.get(node);
        PoolDemand demand = demanded == null
                ? PoolDemand.getDefaultInstance()
                : demanded.demand().getPoolsList().stream()
                        .filter(asked -> asked.getPool().equals(pool))
                        .findFirst()
                        .orElse(PoolDemand.getDefaultInstance());
        for (HeldBlock block : byNode.getOrDefault(node, Set.of())) {
            if (block.pool().equals(pool) && entry != null) {
                long usable = Blocks.usable(block.block(), entry.ranges());
                shares.merge(
                        block.family(),
                        new Share(1, usable, used(demand, block.family())),
                        (one, other) ->
                                new Share(one.blocks() + other.blocks(), one.usable() + other.usable(), one.used()));
            }
        }
        return shares;
    }

    /** All that nodes want and do not get, now. */
    synchronized List<Shortage> shortages() {
        List<Shortage> all = new ArrayList<>();
        for (String node : registered) {
            for (Want want : wants(node)) {
                PoolEntry entry = pools.get(want.pool());
                if (want.allowed() == 0) {
                    all.add(shortage(want, Shortage.Cause.LIMIT));
                } else if (entry != null && entry.definition != null) {
                    FreeSpace space = entry.free.get(want.family());
                    int length = blockLength(entry.definition, want.family());
                    if (space != null && !space.fits(length)) {
                        all.add(shortage(want, Shortage.Cause.EXHAUSTED));
                    }
                }
            }
        }
        return all;
    }

    private static Shortage shortage(Want want, Shortage.Cause cause) {
        return new Shortage(want.node(), want.pool(), want.family(), want.missing(), cause);
    }

    private void listed(Part part) {
        listed.add(part);
        touchAll();
    }

    private void forget(HeldBlock block) {
        String node = block.node();
        if (node == null) {
            resting.remove(block);
        } else {
            Set<HeldBlock> left = byNode.get(node);
            if (left != null) {
                left.remove(block);
                if (left.isEmpty()) {
                    byNode.remove(node);
                }
            }
            touch(node);
        }
    }

    private void dropIfEmpty(String name, PoolEntry entry) {
        if (entry.definition == null && entry.held.isEmpty()) {
            pools.remove(name);
        }
    }

    private List<HeldBlock> allHeld() {
        return pools.values().stream()
                .flatMap(entry -> entry.held.values().stream())
                .toList();
    }

    static int blockLength(Pool pool, Family family) {
        return switch (family) {
            case IPV4 -> pool.getBlockLengthIpv4();
            case IPV6 -> pool.getBlockLengthIpv6();
        };
    }

    private static long wanted(PoolDemand demand, Family family) {
        return Integer.toUnsignedLong(
                switch (family) {
                    case IPV4 -> demand.getWantedIpv4();
                    case IPV6 -> demand.getWantedIpv6();
                });
    }

    private static long used(PoolDemand demand, Family family) {
        return Integer.toUnsignedLong(
                switch (family) {
                    case IPV4 -> demand.getUsedIpv4();
                    case IPV6 -> demand.getUsedIpv6();
                });
    }
}

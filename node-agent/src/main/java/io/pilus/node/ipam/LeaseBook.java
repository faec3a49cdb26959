package io.pilus.node.ipam;

import com.google.protobuf.ByteString;
import io.pilus.contract.Blocks;
import io.pilus.contract.Family;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.PoolDemand;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.contract.v1.Prefix;
import io.pilus.node.ipam.LeaseFiles.DamagedException;
import io.pilus.node.ipam.LeaseFiles.Stored;
import io.pilus.node.ipam.LeaseFiles.StoredBlock;
import io.pilus.node.ipam.LeaseFiles.StoredBlocks;
import io.quarkus.logging.Log;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.Deque;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The addresses that this node's workloads have, taken from the node's own blocks without asking anybody.
 *
 * <p>What holds at any time, over crashes and restarts: an address has at most one holder; a released one is given to nobody before the
 * cool-down has passed <em>and</em> its endpoint is withdrawn; nothing is taken from a block that may not be this node's any more. A
 * lease is on disk before it is answered.
 *
 * <p>Addresses are taken in turn, not lowest first, so that one is reused as late as possible. Safe for use by several threads.
 */
public final class LeaseBook {

    /** How long a refused wish counts as demand when it is not repeated. */
    private static final Duration WISH = Duration.ofSeconds(60);

    /** A released lease whose addresses rest. */
    private record Cooling(String pool, List<ByteString> addresses, Instant releasedAt) {}

    private record Wish(String pool, Set<Family> families, Instant at) {}

    private record PoolFamily(String pool, Family family) {}

    private final LeaseFiles files;
    private final LeaseConfig config;
    private final Clock clock;
    private final Predicate<ByteString> withdrawn;

    private final Map<Holder, Lease> leases = new HashMap<>();
    private final Deque<Cooling> cooling = new ArrayDeque<>();

    /** Addresses that are somebody's, though nobody can say whose. */
    private final Set<ByteString> unaccounted = new HashSet<>();

    /** Every address that must not be given to anybody: leased, cooling or unaccounted for. */
    private final Set<ByteString> inUse = new HashSet<>();

    private final Map<Prefix, OwnedBlock> blocks = new LinkedHashMap<>();
    private final Map<String, List<Prefix>> pools = new HashMap<>();
    private final Map<PoolFamily, ByteString> last = new HashMap<>();
    private final Map<Holder, Wish> wishes = new HashMap<>();

    /** Of {@code nodes/{node}/}, as of which the blocks are known. */
    private long revision;

    /** Whether what was known about the blocks is lost, so that any of them may have been offered back. */
    private boolean blocksLost;

    private LeaseBook(LeaseFiles files, LeaseConfig config, Clock clock, Predicate<ByteString> withdrawn) {
        this.files = files;
        this.config = config;
        this.clock = clock;
        this.withdrawn = withdrawn;
    }

    /**
     * Opens the book with the leases of the agent's earlier lives. It gives nothing before {@link #pools} and {@link #blocks} are told.
     *
     * @param directory the book's own; made when it is missing
     * @param withdrawn whether no endpoint has the address, nor can get it; called without any lock of the book
     * @throws UncheckedIOException when the directory is not usable
     */
    public static LeaseBook open(Path directory, LeaseConfig config, Clock clock, Predicate<ByteString> withdrawn) {
        try {
            var files = new LeaseFiles(directory);
            var book = new LeaseBook(files, config, clock, withdrawn);
            book.load(files.leases());
            book.loadBlocks();
            return book;
        } catch (IOException e) {
            throw new UncheckedIOException("the leases in " + directory + " cannot be read: " + e.getMessage(), e);
        }
    }

    /**
     * Takes an address of each family for an interface of a container. A repeated call answers what the first one answered.
     *
     * @param pool empty for the default pool
     * @param families empty for all that the pool has
     * @throws IllegalArgumentException when the names are none
     * @throws UncheckedIOException when the lease cannot be written to disk: then it is not taken
     */
    public LeaseOutcome lease(String containerId, String interfaceName, String pool, Set<Family> families) {
        thaw();
        return take(new Holder(containerId, interfaceName), pool.isEmpty() ? Blocks.DEFAULT_POOL : pool, families);
    }

    /**
     * Releases what this interface of this container holds, and nothing else: a late or repeated call frees nobody else's address.
     *
     * @return what was released; empty when it holds nothing
     * @throws UncheckedIOException when the release cannot be written to disk: then the lease is still held
     */
    public synchronized Optional<Lease> release(String containerId, String interfaceName) {
        var holder = new Holder(containerId, interfaceName);
        wishes.remove(holder);
        Lease lease = leases.get(holder);
        if (lease == null) {
            return Optional.empty();
        }
        Instant now = clock.instant();
        write(lease, now);
        leases.remove(holder);
        cooling.add(new Cooling(lease.pool(), lease.addresses(), now));
        return Optional.of(lease);
    }

    /**
     * Records what an attachment that exists on this node holds, when the book does not know it: its file was lost.
     *
     * @return whether the addresses are the holder's now; false when another one holds one of them, or this one holds others
     */
    public synchronized boolean adopt(
            String containerId, String interfaceName, String pool, List<ByteString> addresses) {
        var holder = new Holder(containerId, interfaceName);
        Lease held = leases.get(holder);
        if (held != null) {
            return Set.copyOf(held.addresses()).equals(Set.copyOf(addresses));
        }
        if (leases.values().stream()
                .anyMatch(other -> other.addresses().stream().anyMatch(addresses::contains))) {
            return false;
        }
        var lease = new Lease(
                holder,
                pool.isEmpty() ? Blocks.DEFAULT_POOL : pool,
                addresses.stream().sorted(Comparator.comparing(Family::of)).toList(),
                clock.instant());
        write(lease, null);
        leases.put(holder, lease);
        cooling.removeIf(rest -> {
            boolean same = rest.addresses().stream().anyMatch(addresses::contains);
            if (same) {
                rest.addresses().stream().filter(a -> !addresses.contains(a)).forEach(unaccounted::add);
            }
            return same;
        });
        addresses.forEach(unaccounted::remove);
        addresses.forEach(this::block);
        return true;
    }

    /** What is held now. */
    public synchronized List<Lease> leases() {
        return List.copyOf(leases.values());
    }

    public synchronized Optional<Lease> lease(String containerId, String interfaceName) {
        return Optional.ofNullable(leases.get(new Holder(containerId, interfaceName)));
    }

    /** Leases of addresses in no block of this node: the node was removed meanwhile. They are kept, but may be another's soon. */
    public synchronized List<Lease> strays() {
        return leases.values().stream()
                .filter(lease -> lease.addresses().stream()
                        .anyMatch(address -> blocks.values().stream().noneMatch(block -> block.contains(address))))
                .toList();
    }

    /** Addresses that are taken by nobody knows whom, as their file was damaged: free them by {@link #adopt} and {@link #release}. */
    public synchronized Set<ByteString> unaccounted() {
        return Set.copyOf(unaccounted);
    }

    /** Released addresses whose cool-down has passed, and which wait until their endpoint is withdrawn. */
    public List<ByteString> due() {
        return cooled().stream().flatMap(rest -> rest.addresses().stream()).toList();
    }

    public synchronized List<PoolUsage> usage() {
        List<PoolUsage> all = new ArrayList<>();
        for (String pool : new TreeSet<>(pools.keySet())) {
            for (Family family : familiesOf(pool)) {
                List<OwnedBlock> owned = blocksOf(pool, family);
                int resting = (int) cooling.stream()
                        .filter(rest -> rest.pool().equals(pool))
                        .flatMap(rest -> rest.addresses().stream())
                        .filter(address -> Family.of(address) == family)
                        .count();
                int held = (int) leases.values().stream()
                        .filter(lease -> lease.pool().equals(pool))
                        .flatMap(lease -> lease.addresses().stream())
                        .filter(address -> Family.of(address) == family)
                        .count();
                long usable = owned.stream()
                        .filter(block -> block.state() == OwnedBlock.State.KEPT)
                        .mapToLong(OwnedBlock::usable)
                        .sum();
                all.add(new PoolUsage(pool, family, owned.size(), usable, held, resting));
            }
        }
        return all;
    }

    /** All pools that there are, from {@code cluster/pools}. */
    public synchronized void pools(Collection<PoolRanges> all) {
        Map<String, List<Prefix>> before = Map.copyOf(pools);
        pools.clear();
        all.forEach(pool -> pools.put(pool.getName(), pool.getRangesList()));
        for (OwnedBlock block : blocks.values()) {
            if (!rangesOf(block.pool()).equals(before.getOrDefault(block.pool(), List.of()))) {
                block.reset(rangesOf(block.pool()), inUse, clock.instant());
            }
        }
    }

    /**
     * All blocks that the node has at a revision of {@code nodes/{node}/}. To be told of every revision there, in order, also when no
     * block changed: a revision may be what makes a block usable again. What is older than the book already knows is ignored, as after a
     * restart from a state on disk that lags behind.
     *
     * @throws UncheckedIOException when a changed set cannot be written to disk: then nothing is changed, and must be told again
     */
    public synchronized void blocks(Collection<Block> all, long revision) {
        if (revision < this.revision) {
            return;
        }
        Map<Prefix, OwnedBlock> next = new LinkedHashMap<>();
        Set<Prefix> safe = new HashSet<>();
        all.stream()
                .sorted(Comparator.comparing(
                        block -> block.getBlock().getAddress(), ByteString.unsignedLexicographicalComparator()))
                .forEach(block -> {
                    OwnedBlock known = blocks.get(block.getBlock());
                    if (known != null && known.pool().equals(block.getPool())) {
                        next.put(block.getBlock(), known);
                        if (known.safeAt(revision)) {
                            safe.add(block.getBlock());
                        }
                    } else {
                        next.put(block.getBlock(), arrived(block));
                    }
                });
        boolean changed = !next.keySet().equals(blocks.keySet()) || !safe.isEmpty();
        if (changed) {
            write(new StoredBlocks(
                    revision,
                    next.values().stream()
                            .map(block -> new StoredBlock(
                                    block.pool(),
                                    block.prefix(),
                                    block.state() != OwnedBlock.State.KEPT && !safe.contains(block.prefix())))
                            .toList()));
        }
        safe.forEach(prefix -> next.values().stream()
                .filter(block -> block.prefix().equals(prefix))
                .forEach(OwnedBlock::keep));
        blocks.clear();
        blocks.putAll(next);
        this.revision = revision;
        blocksLost = false;
    }

    /**
     * What this node shall ask for, and which blocks it gives back. From the blocks that it offers nothing is leased any more, until the
     * offer is withdrawn in etcd and they are still this node's. Write it when it is not the one written last, or when the book is
     * {@link #reclaiming}; with a comparison of the key's last revision, so that an older demand can never come after a newer one; and
     * then call {@link #written}.
     *
     * @param expected the pools that workloads assigned to this node name
     * @return equal to the last one when nothing changed
     * @throws UncheckedIOException when an offer cannot be written to disk: then it is not made
     */
    public Demand demand(Set<String> expected) {
        thaw();
        return compute(expected);
    }

    /** Whether a block waits until a demand without it is written: then also an unchanged one has to be. */
    public synchronized boolean reclaiming() {
        return blocks.values().stream().anyMatch(OwnedBlock::awaitsWrite);
    }

    /**
     * The demand was written to etcd.
     *
     * @param revision the one that wrote it
     */
    public synchronized void written(Demand demand, long revision) {
        Set<Prefix> offered = new HashSet<>();
        demand.getPoolsList().forEach(pool -> offered.addAll(pool.getOfferedList()));
        for (OwnedBlock block : blocks.values()) {
            if (block.state() == OwnedBlock.State.RECLAIMED && !offered.contains(block.prefix())) {
                block.reclaimedAt(revision);
            }
        }
        if (blocks.values().stream().anyMatch(block -> block.safeAt(this.revision))) {
            settle();
        }
    }

    private synchronized LeaseOutcome take(Holder holder, String pool, Set<Family> families) {
        Lease held = leases.get(holder);
        if (held != null) {
            return new LeaseOutcome.Leased(held, true);
        }
        Set<Family> has = familiesOf(pool);
        if (has.isEmpty()) {
            return new LeaseOutcome.UnknownPool(
                    pool,
                    "there is no pool '%s'; create it (PUT /v1/pools/%s at ipam-service), or name another one in the workload"
                            .formatted(pool, pool));
        }
        Set<Family> wanted = families.isEmpty() ? has : EnumSet.copyOf(families);
        List<ByteString> addresses = new ArrayList<>();
        for (Family family : wanted) {
            if (!has.contains(family)) {
                return new LeaseOutcome.NoSuchFamily(
                        pool,
                        family,
                        "pool '%s' has no %s range; add one to it, or name another pool in the workload"
                                .formatted(pool, family));
            }
            Optional<ByteString> next = next(pool, family);
            if (next.isEmpty()) {
                wishes.put(holder, new Wish(pool, wanted, clock.instant()));
                return new LeaseOutcome.Exhausted(pool, family, exhausted(pool, family));
            }
            addresses.add(next.get());
        }
        var lease = new Lease(holder, pool, addresses, clock.instant());
        try {
            write(lease, null);
        } catch (UncheckedIOException e) {
            // the file may or may not be there after a restart: until then the addresses are nobody's
            unaccounted.addAll(addresses);
            addresses.forEach(this::block);
            throw e;
        }
        leases.put(holder, lease);
        wishes.remove(holder);
        for (ByteString address : addresses) {
            block(address);
            last.put(new PoolFamily(pool, Family.of(address)), address);
        }
        return new LeaseOutcome.Leased(lease, false);
    }

    private String exhausted(String pool, Family family) {
        List<OwnedBlock> owned = blocksOf(pool, family);
        long rests = cooling.stream()
                .flatMap(rest -> rest.addresses().stream())
                .filter(address -> owned.stream().anyMatch(block -> block.contains(address)))
                .count();
        return "this node has no free %s address of pool '%s' (%d blocks, %d addresses in use, %d of them cooling down); it has asked for a block: wait, and if none comes add a range to the pool"
                .formatted(
                        family,
                        pool,
                        owned.size(),
                        owned.stream().mapToInt(OwnedBlock::used).sum(),
                        rests);
    }

    /** The free address that follows the one given last, round all blocks. */
    private Optional<ByteString> next(String pool, Family family) {
        List<OwnedBlock> usable = blocksOf(pool, family).stream()
                .filter(block -> block.state() == OwnedBlock.State.KEPT)
                .toList();
        ByteString before = last.get(new PoolFamily(pool, family));
        int start = 0;
        while (before != null && start < usable.size() && !usable.get(start).contains(before)) {
            start++;
        }
        start = start == usable.size() ? 0 : start;
        for (int i = 0; i < usable.size(); i++) {
            Optional<ByteString> next = usable.get((start + i) % usable.size()).nextAfter(i == 0 ? before : null);
            if (next.isPresent()) {
                return next;
            }
        }
        return usable.isEmpty() ? Optional.empty() : usable.get(start).nextAfter(null);
    }

    private synchronized Demand compute(Set<String> expected) {
        Instant now = clock.instant();
        wishes.values().removeIf(wish -> wish.at().plus(WISH).isBefore(now));
        var demand = Demand.newBuilder();
        Set<OwnedBlock> offer = new HashSet<>();
        Set<OwnedBlock> reclaim = new HashSet<>();
        Set<String> asked = new TreeSet<>(pools.keySet());
        blocks.values().forEach(block -> asked.add(block.pool()));
        for (String pool : asked) {
            var wanted = new EnumMap<Family, Long>(Family.class);
            var used = new EnumMap<Family, Long>(Family.class);
            boolean inDemand = pool.equals(Blocks.DEFAULT_POOL)
                    || expected.contains(pool)
                    || leases.values().stream().anyMatch(lease -> lease.pool().equals(pool));
            for (Family family : Family.values()) {
                plan(pool, family, inDemand, now, used, wanted, offer, reclaim);
            }
            List<Prefix> offered = blocks.values().stream()
                    .filter(block -> block.pool().equals(pool))
                    .filter(block -> offer.contains(block)
                            || (block.state() == OwnedBlock.State.OFFERED && !reclaim.contains(block)))
                    .map(OwnedBlock::prefix)
                    .toList();
            var message = PoolDemand.newBuilder()
                    .setPool(pool)
                    .setUsedIpv4(unsigned(used.getOrDefault(Family.IPV4, 0L)))
                    .setUsedIpv6(unsigned(used.getOrDefault(Family.IPV6, 0L)))
                    .setWantedIpv4(unsigned(wanted.getOrDefault(Family.IPV4, 0L)))
                    .setWantedIpv6(unsigned(wanted.getOrDefault(Family.IPV6, 0L)))
                    .addAllOffered(offered)
                    .build();
            if (!message.equals(PoolDemand.newBuilder().setPool(pool).build())) {
                demand.addPools(message);
            }
        }
        if (!offer.isEmpty()) {
            write(new StoredBlocks(
                    revision,
                    blocks.values().stream()
                            .map(block -> new StoredBlock(
                                    block.pool(),
                                    block.prefix(),
                                    offer.contains(block) || block.state() != OwnedBlock.State.KEPT))
                            .toList()));
            offer.forEach(OwnedBlock::offer);
        }
        reclaim.forEach(OwnedBlock::reclaim);
        return demand.build();
    }

    private void plan(
            String pool,
            Family family,
            boolean inDemand,
            Instant now,
            Map<Family, Long> used,
            Map<Family, Long> wanted,
            Set<OwnedBlock> offer,
            Set<OwnedBlock> reclaim) {
        if (!familiesOf(pool).contains(family)) {
            return;
        }
        List<OwnedBlock> owned = blocksOf(pool, family);
        long inUseNow = owned.stream().mapToLong(OwnedBlock::used).sum();
        long wishing = wishes.values().stream()
                .filter(wish -> wish.pool().equals(pool) && wish.families().contains(family))
                .count();
        long reserve = inDemand || wishing > 0 ? config.reserve() : 0;
        long needed = inUseNow + wishing + reserve;
        used.put(family, inUseNow);
        wanted.put(family, needed);
        long kept = owned.stream()
                .filter(block -> block.state() != OwnedBlock.State.OFFERED)
                .mapToLong(OwnedBlock::usable)
                .sum();
        for (OwnedBlock block : owned) {
            if (block.state() == OwnedBlock.State.OFFERED && kept < needed) {
                reclaim.add(block);
                kept += block.usable();
            }
        }
        for (OwnedBlock block : owned.reversed()) {
            Instant emptySince = block.emptySince();
            if (block.state() == OwnedBlock.State.KEPT
                    && emptySince != null
                    && !emptySince.plus(config.idle()).isAfter(now)
                    && kept - block.usable() >= needed + reserve) {
                offer.add(block);
                kept -= block.usable();
            }
        }
    }

    /** Frees what has cooled down; asks whether addresses are withdrawn without holding the lock. */
    private void thaw() {
        List<Cooling> gone = cooled().stream()
                .filter(rest -> rest.addresses().stream().allMatch(withdrawn))
                .toList();
        if (gone.isEmpty()) {
            return;
        }
        synchronized (this) {
            for (Cooling rest : gone) {
                if (cooling.remove(rest)) {
                    free(rest.addresses());
                }
            }
        }
    }

    /** In the order of their release. */
    private synchronized List<Cooling> cooled() {
        Instant now = clock.instant();
        return cooling.stream()
                .takeWhile(rest -> !rest.releasedAt().plus(config.coolDown()).isAfter(now))
                .toList();
    }

    private void free(List<ByteString> addresses) {
        try {
            files.delete(addresses);
        } catch (IOException e) {
            Log.warnf("a lease that ended stays on disk: %s", e.getMessage());
        }
        for (ByteString address : addresses) {
            inUse.remove(address);
            blocks.values().stream()
                    .filter(block -> block.contains(address))
                    .forEach(block -> block.give(address, clock.instant()));
        }
    }

    private void block(ByteString address) {
        if (inUse.add(address)) {
            blocks.values().stream().filter(block -> block.contains(address)).forEach(block -> block.take(address));
        }
    }

    private OwnedBlock arrived(Block block) {
        var owned = new OwnedBlock(
                block.getPool(), block.getBlock(), blocksLost ? OwnedBlock.State.RECLAIMED : OwnedBlock.State.KEPT);
        owned.reset(rangesOf(block.getPool()), inUse, clock.instant());
        return owned;
    }

    private void settle() {
        write(new StoredBlocks(
                revision,
                blocks.values().stream()
                        .map(block -> new StoredBlock(
                                block.pool(),
                                block.prefix(),
                                block.state() != OwnedBlock.State.KEPT && !block.safeAt(revision)))
                        .toList()));
        blocks.values().stream().filter(block -> block.safeAt(revision)).forEach(OwnedBlock::keep);
    }

    private void load(List<Stored> stored) {
        Instant now = clock.instant();
        List<Cooling> rests = new ArrayList<>();
        stored.sort(Comparator.comparing(
                found -> found.lease() == null ? Instant.MIN : found.lease().since()));
        for (Stored found : stored) {
            inUse.addAll(found.addresses());
            Lease lease = found.lease();
            Instant releasedAt = found.releasedAt();
            if (lease == null) {
                unaccounted.addAll(found.addresses());
                continue;
            }
            if (releasedAt == null) {
                // the older of two is one whose write was reported as failed, though it was not
                Lease older = leases.put(lease.holder(), lease);
                if (older != null) {
                    rests.add(new Cooling(older.pool(), older.addresses(), now));
                }
            } else {
                rests.add(new Cooling(lease.pool(), lease.addresses(), releasedAt.isAfter(now) ? now : releasedAt));
            }
            for (ByteString address : lease.addresses()) {
                last.put(new PoolFamily(lease.pool(), Family.of(address)), address);
            }
        }
        leases.values().forEach(lease -> lease.addresses().forEach(unaccounted::remove));
        rests.stream().sorted(Comparator.comparing(Cooling::releasedAt)).forEach(cooling::add);
        if (!unaccounted.isEmpty()) {
            Log.errorf(
                    "leases of %s are damaged: the addresses stay taken until their endpoints are found",
                    unaccounted.stream().map(Prefixes::format).toList());
        }
    }

    private void loadBlocks() throws IOException {
        try {
            Optional<StoredBlocks> stored = files.blocks();
            if (stored.isPresent()) {
                revision = stored.get().revision();
                for (StoredBlock block : stored.get().blocks()) {
                    var owned = new OwnedBlock(
                            block.pool(),
                            block.block(),
                            block.offered() ? OwnedBlock.State.OFFERED : OwnedBlock.State.KEPT);
                    owned.reset(List.of(), inUse, clock.instant());
                    blocks.put(block.block(), owned);
                }
            }
        } catch (DamagedException e) {
            Log.errorf("%s; blocks are used again once etcd has confirmed them", e.getMessage());
            blocksLost = true;
        }
    }

    private void write(Lease lease, @Nullable Instant releasedAt) {
        try {
            files.write(lease, releasedAt);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "the lease of " + lease.holder() + " cannot be written to disk: " + e.getMessage(), e);
        }
    }

    private void write(StoredBlocks stored) {
        try {
            files.write(stored);
        } catch (IOException e) {
            throw new UncheckedIOException("the node's blocks cannot be written to disk: " + e.getMessage(), e);
        }
    }

    private List<OwnedBlock> blocksOf(String pool, Family family) {
        return blocks.values().stream()
                .filter(block -> block.pool().equals(pool) && block.family() == family)
                .toList();
    }

    private Set<Family> familiesOf(String pool) {
        Set<Family> families = EnumSet.noneOf(Family.class);
        rangesOf(pool).forEach(range -> families.add(Family.of(range)));
        return families;
    }

    private List<Prefix> rangesOf(String pool) {
        return pools.getOrDefault(pool, List.of());
    }

    private static int unsigned(long count) {
        return (int) Math.min(count, 0xffff_ffffL);
    }
}

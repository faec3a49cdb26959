package io.pilus.node.ipam;

import com.google.protobuf.ByteString;
import io.pilus.contract.Blocks;
import io.pilus.contract.Family;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Prefix;
import java.time.Instant;
import java.util.BitSet;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A block of this node: which of its addresses are free, and whether leases may be taken from it. */
final class OwnedBlock {

    /** Beyond this the rest of a block stays unused. */
    private static final int MOST_HOST_BITS = 16;

    enum State {
        /** Leases are taken from it. */
        KEPT,
        /** Offered back: it may be somebody else's any moment, so nothing is taken from it. */
        OFFERED,
        /** The offer is taken back, and whether that came in time is not known yet. */
        RECLAIMED
    }

    private final String pool;
    private final Prefix prefix;
    private final int size;

    /** Addresses that are in use, cooling, or that no workload may have. */
    private final BitSet blocked = new BitSet();

    private List<Prefix> ranges = List.of();
    private int used;
    private long usable;
    private State state;

    /** The revision of the demand that does not offer the block any more; 0 while that is not written. */
    private long reclaimedAt;

    private @Nullable Instant emptySince;

    OwnedBlock(String pool, Prefix prefix, State state) {
        this.pool = pool;
        this.prefix = prefix;
        this.state = state;
        this.size = 1 << Math.min(MOST_HOST_BITS, prefix.getAddress().size() * 8 - prefix.getLength());
    }

    String pool() {
        return pool;
    }

    Prefix prefix() {
        return prefix;
    }

    Family family() {
        return Family.of(prefix);
    }

    State state() {
        return state;
    }

    void keep() {
        state = State.KEPT;
        reclaimedAt = 0;
    }

    void offer() {
        state = State.OFFERED;
        reclaimedAt = 0;
    }

    void reclaim() {
        state = State.RECLAIMED;
        reclaimedAt = 0;
    }

    /** The demand without the offer is in etcd since this revision. */
    void reclaimedAt(long revision) {
        reclaimedAt = revision;
    }

    boolean awaitsWrite() {
        return state == State.RECLAIMED && reclaimedAt == 0;
    }

    /** Whether the block, which exists at this revision, can no longer be taken by the offer that was. */
    boolean safeAt(long revision) {
        return state == State.RECLAIMED && reclaimedAt > 0 && revision >= reclaimedAt;
    }

    boolean contains(ByteString address) {
        return Prefixes.contains(prefix, address) && index(address) < size;
    }

    /** How many addresses workloads may have. */
    long usable() {
        return usable;
    }

    /** How many are in use or cooling. */
    int used() {
        return used;
    }

    /** Since when nothing in it is in use or cooling; null when something is. */
    @Nullable
    Instant emptySince() {
        return emptySince;
    }

    /**
     * Starts afresh from the addresses in use.
     *
     * @param ranges of the pool
     */
    void reset(List<Prefix> ranges, Collection<ByteString> inUse, Instant now) {
        this.ranges = List.copyOf(ranges);
        blocked.clear();
        used = 0;
        for (int index = 0; index < size; index++) {
            if (!Blocks.usable(address(index), prefix, ranges)) {
                blocked.set(index);
            }
        }
        usable = (long) size - blocked.cardinality();
        for (ByteString address : inUse) {
            if (contains(address)) {
                blocked.set(index(address));
                used++;
            }
        }
        emptySince = used > 0 ? null : emptySince == null ? now : emptySince;
    }

    void take(ByteString address) {
        blocked.set(index(address));
        used++;
        emptySince = null;
    }

    void give(ByteString address, Instant now) {
        blocked.set(index(address), !Blocks.usable(address, prefix, ranges));
        used--;
        if (used == 0) {
            emptySince = now;
        }
    }

    /** The first free address behind the given one, or the first at all when the given one is not in the block. */
    Optional<ByteString> nextAfter(@Nullable ByteString address) {
        int from = address != null && contains(address) ? index(address) + 1 : 0;
        int next = blocked.nextClearBit(from);
        return next < size ? Optional.of(address(next)) : Optional.empty();
    }

    private int index(ByteString address) {
        return low(address) - low(prefix.getAddress());
    }

    private ByteString address(int index) {
        byte[] bytes = prefix.getAddress().toByteArray();
        int low = low(prefix.getAddress()) + index;
        for (int i = 1; i <= Integer.BYTES; i++) {
            bytes[bytes.length - i] = (byte) low;
            low >>= Byte.SIZE;
        }
        return ByteString.copyFrom(bytes);
    }

    private static int low(ByteString address) {
        return address.substring(address.size() - Integer.BYTES)
                .asReadOnlyByteBuffer()
                .getInt();
    }
}

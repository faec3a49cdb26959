package io.pilus.ipam.pool;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Pool;
import io.pilus.contract.v1.Prefix;
import io.pilus.rest.PoolName;
import io.pilus.rest.ProblemException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What makes a pool valid: no I/O, every refusal a {@link ProblemException} that names the culprit. */
final class PoolRules {

    static final int BLOCK_LENGTH_IPV4 = 26;
    static final int BLOCK_LENGTH_IPV6 = 122;

    /** A block holds at most 65,536 addresses: an agent keeps a bit for each. */
    private static final int MOST_HOST_BITS = 16;

    private static final Map<Prefix, String> RESERVED = Map.of(
            Prefixes.parse("0.0.0.0/8"), "\"this network\"",
            Prefixes.parse("127.0.0.0/8"), "loopback",
            Prefixes.parse("169.254.0.0/16"), "link-local",
            Prefixes.parse("224.0.0.0/4"), "multicast",
            Prefixes.parse("240.0.0.0/4"), "reserved",
            Prefixes.parse("::/8"), "reserved",
            Prefixes.parse("fe80::/10"), "link-local",
            Prefixes.parse("ff00::/8"), "multicast");

    private PoolRules() {}

    /**
     * A pool as the request describes it.
     *
     * @param ranges in CIDR form
     */
    static Pool parse(
            PoolName name, List<String> ranges, @Nullable Integer blockLengthIpv4, @Nullable Integer blockLengthIpv6) {
        List<Prefix> parsed = new ArrayList<>();
        for (int index = 0; index < ranges.size(); index++) {
            parsed.add(parse(index, ranges.get(index), parsed));
        }
        int ipv4 = blockLengthIpv4 == null ? BLOCK_LENGTH_IPV4 : blockLengthIpv4;
        int ipv6 = blockLengthIpv6 == null ? BLOCK_LENGTH_IPV6 : blockLengthIpv6;
        checkBlockLength("blockLengthIpv4", ipv4, 32 - MOST_HOST_BITS, 32, parsed, 4);
        checkBlockLength("blockLengthIpv6", ipv6, 128 - MOST_HOST_BITS, 127, parsed, 16);
        return Pool.newBuilder()
                .setName(name.value())
                .addAllRanges(parsed)
                .setBlockLengthIpv4(ipv4)
                .setBlockLengthIpv6(ipv6)
                .build();
    }

    /** Refuses a pool that shares an address with another one. */
    static void checkPools(Pool pool, Collection<Pool> all) {
        for (Pool other : all) {
            if (!other.getName().equals(pool.getName())) {
                for (Prefix range : pool.getRangesList()) {
                    for (Prefix otherRange : other.getRangesList()) {
                        if (Prefixes.overlap(range, otherRange)) {
                            throw PoolProblem.poolOverlap(range, other, otherRange);
                        }
                    }
                }
            }
        }
    }

    /** Refuses a pool that holds an address of the node. */
    static void checkNode(Pool pool, String node, Collection<ByteString> addresses) {
        for (ByteString address : addresses) {
            for (Prefix range : pool.getRangesList()) {
                if (Prefixes.contains(range, address)) {
                    throw PoolProblem.nodeOverlap(range, node, address);
                }
            }
        }
    }

    /** Whether every address of the one pool is in the other, too. */
    static boolean covers(Pool outer, Pool inner) {
        return inner.getRangesList().stream().allMatch(range -> covers(outer, range));
    }

    /** Ranges need not be aligned with each other: 10.0.0.0/24 is covered by its two halves. */
    static boolean covers(Pool outer, Prefix range) {
        if (outer.getRangesList().stream().anyMatch(mine -> Prefixes.contains(mine, range))) {
            return true;
        }
        if (outer.getRangesList().stream().noneMatch(mine -> Prefixes.overlap(mine, range))) {
            return false;
        }
        return covers(outer, half(range, false)) && covers(outer, half(range, true));
    }

    private static Prefix half(Prefix range, boolean upper) {
        byte[] address = range.getAddress().toByteArray();
        int bit = range.getLength();
        if (upper) {
            address[bit / 8] |= (byte) (0x80 >> (bit % 8));
        }
        return Prefix.newBuilder()
                .setAddress(ByteString.copyFrom(address))
                .setLength(bit + 1)
                .build();
    }

    private static Prefix parse(int index, String text, List<Prefix> before) {
        Prefix range;
        try {
            range = Prefixes.parse(text);
        } catch (IllegalArgumentException e) {
            throw PoolProblem.invalidRange(index, String.valueOf(e.getMessage()));
        }
        RESERVED.forEach((reserved, use) -> {
            if (Prefixes.overlap(range, reserved)) {
                throw PoolProblem.reservedRange(index, range, reserved, use);
            }
        });
        for (Prefix other : before) {
            if (Prefixes.overlap(range, other)) {
                throw PoolProblem.rangesOverlap(index, range, other);
            }
        }
        return range;
    }

    private static void checkBlockLength(
            String field, int length, int least, int most, List<Prefix> ranges, int addressBytes) {
        if (length < least || length > most) {
            throw PoolProblem.invalidBlockLength(
                    field,
                    length,
                    "is out of bounds; a block's length is between %d (%d addresses) and %d"
                            .formatted(least, 1 << MOST_HOST_BITS, most));
        }
        for (Prefix range : ranges) {
            if (range.getAddress().size() == addressBytes && range.getLength() > length) {
                throw PoolProblem.invalidBlockLength(
                        field,
                        length,
                        "makes blocks that are larger than the range %s; write at least %d, or a larger range"
                                .formatted(Prefixes.format(range), range.getLength()));
            }
        }
    }
}

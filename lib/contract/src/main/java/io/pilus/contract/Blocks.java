package io.pilus.contract;

import com.google.protobuf.ByteString;
import io.pilus.contract.v1.Prefix;
import java.util.Collection;

/** Which addresses of a block a workload may have: ipam-service and agents count by this one rule. */
public final class Blocks {

    /** The pool of a workload that names none. */
    public static final String DEFAULT_POOL = "default";

    private Blocks() {}

    /**
     * Whether a workload may have the address. IPv4: not the first and the last address of the pool's range, as other equipment may take
     * them for the network's own and for broadcast, unless the range has only one or two. IPv6: not the first address of the block,
     * which is the subnet-router anycast address (RFC 4291).
     *
     * @param ranges all ranges of the block's pool
     */
    public static boolean usable(ByteString address, Prefix block, Collection<Prefix> ranges) {
        if (address.size() == 16) {
            return !address.equals(block.getAddress());
        }
        return ranges.stream()
                .filter(range -> range.getLength() < 31 && Prefixes.contains(range, address))
                .noneMatch(range -> address.equals(range.getAddress()) || address.equals(last(range)));
    }

    /** How many addresses of the block workloads may have; at most {@link Long#MAX_VALUE}. */
    public static long usable(Prefix block, Collection<Prefix> ranges) {
        int bits = block.getAddress().size() * 8 - block.getLength();
        long size = bits < 63 ? 1L << bits : Long.MAX_VALUE;
        if (block.getAddress().size() == 16) {
            return size - 1;
        }
        if (size == 1) {
            return usable(block.getAddress(), block, ranges) ? 1 : 0;
        }
        return size
                - (usable(block.getAddress(), block, ranges) ? 0 : 1)
                - (usable(last(block), block, ranges) ? 0 : 1);
    }

    /** The highest address of a prefix. */
    public static ByteString last(Prefix prefix) {
        byte[] bytes = prefix.getAddress().toByteArray();
        for (int bit = prefix.getLength(); bit < bytes.length * 8; bit++) {
            bytes[bit / 8] |= (byte) (0x80 >> (bit % 8));
        }
        return ByteString.copyFrom(bytes);
    }
}

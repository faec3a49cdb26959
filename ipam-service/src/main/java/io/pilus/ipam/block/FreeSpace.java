package io.pilus.ipam.block;

import com.google.protobuf.ByteString;
import io.pilus.contract.Blocks;
import io.pilus.contract.Family;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Prefix;
import java.math.BigInteger;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The addresses of a pool's family that no block holds, as gaps. Finding, taking and giving a block is logarithmic in the gaps. */
final class FreeSpace {

    private final Family family;
    private final List<Prefix> ranges;

    /** First address to last address of each gap; no two touch. */
    private final TreeMap<BigInteger, BigInteger> gaps = new TreeMap<>();

    /** Behind the block found last, so that a block that came back is granted again as late as possible. */
    private BigInteger cursor = BigInteger.ZERO;

    /**
     * @param ranges of which those of the other family do not count
     */
    FreeSpace(Family family, Collection<Prefix> ranges) {
        this.family = family;
        this.ranges =
                ranges.stream().filter(range -> Family.of(range) == family).toList();
        this.ranges.forEach(this::give);
    }

    /** The next free block of this length, in turn. It is not taken. */
    Optional<Prefix> next(int length) {
        BigInteger size = BigInteger.ONE.shiftLeft(family.bits() - length);
        Map.Entry<BigInteger, BigInteger> around = gaps.floorEntry(cursor);
        Optional<Prefix> found = Optional.empty();
        if (around != null) {
            found = fit(around.getKey().max(cursor), around.getValue(), size, length);
        }
        if (found.isEmpty()) {
            found = first(gaps.tailMap(cursor, false), size, length);
        }
        if (found.isEmpty()) {
            found = first(gaps.headMap(cursor, true), size, length);
        }
        found.ifPresent(block -> cursor = number(block.getAddress()).add(size));
        return found;
    }

    /** Whether a block of this length is free. */
    boolean fits(int length) {
        return first(gaps, BigInteger.ONE.shiftLeft(family.bits() - length), length)
                .isPresent();
    }

    void take(Prefix block) {
        BigInteger first = number(block.getAddress());
        BigInteger last = number(Blocks.last(block));
        Map.Entry<BigInteger, BigInteger> gap = gaps.floorEntry(last);
        while (gap != null && gap.getValue().compareTo(first) >= 0) {
            gaps.remove(gap.getKey());
            if (gap.getKey().compareTo(first) < 0) {
                gaps.put(gap.getKey(), first.subtract(BigInteger.ONE));
            }
            if (gap.getValue().compareTo(last) > 0) {
                gaps.put(last.add(BigInteger.ONE), gap.getValue());
            }
            gap = gaps.lowerEntry(gap.getKey());
        }
    }

    /** The block is free again, as far as it lies in the ranges. */
    void give(Prefix block) {
        for (Prefix range : ranges) {
            if (Prefixes.contains(range, block)) {
                open(block);
            } else if (Prefixes.contains(block, range)) {
                open(range);
            }
        }
    }

    /** How many blocks of this length are free. */
    BigInteger count(int length) {
        BigInteger size = BigInteger.ONE.shiftLeft(family.bits() - length);
        BigInteger count = BigInteger.ZERO;
        for (Map.Entry<BigInteger, BigInteger> gap : gaps.entrySet()) {
            BigInteger whole = gap.getValue()
                    .add(BigInteger.ONE)
                    .divide(size)
                    .subtract(align(gap.getKey(), size).divide(size));
            count = count.add(whole.max(BigInteger.ZERO));
        }
        return count;
    }

    private void open(Prefix block) {
        take(block);
        BigInteger first = number(block.getAddress());
        BigInteger last = number(Blocks.last(block));
        Map.Entry<BigInteger, BigInteger> below = gaps.floorEntry(first);
        if (below != null && below.getValue().add(BigInteger.ONE).equals(first)) {
            first = below.getKey();
        }
        BigInteger above = gaps.remove(last.add(BigInteger.ONE));
        gaps.put(first, above == null ? last : above);
    }

    private Optional<Prefix> first(Map<BigInteger, BigInteger> among, BigInteger size, int length) {
        for (Map.Entry<BigInteger, BigInteger> gap : among.entrySet()) {
            Optional<Prefix> found = fit(gap.getKey(), gap.getValue(), size, length);
            if (found.isPresent()) {
                return found;
            }
        }
        return Optional.empty();
    }

    private Optional<Prefix> fit(BigInteger first, BigInteger last, BigInteger size, int length) {
        BigInteger start = align(first, size);
        return start.add(size).subtract(BigInteger.ONE).compareTo(last) <= 0
                ? Optional.of(Prefix.newBuilder()
                        .setAddress(address(start))
                        .setLength(length)
                        .build())
                : Optional.empty();
    }

    private static BigInteger align(BigInteger address, BigInteger size) {
        return address.add(size).subtract(BigInteger.ONE).divide(size).multiply(size);
    }

    private static BigInteger number(ByteString address) {
        return new BigInteger(1, address.toByteArray());
    }

    private ByteString address(BigInteger number) {
        byte[] bytes = new byte[family.bits() / Byte.SIZE];
        byte[] magnitude = number.toByteArray();
        int length = Math.min(bytes.length, magnitude.length);
        System.arraycopy(magnitude, magnitude.length - length, bytes, bytes.length - length, length);
        return ByteString.copyFrom(bytes);
    }
}

package io.pilus.ipam.block;

import static io.pilus.contract.Prefixes.parse;
import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.contract.Family;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Prefix;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FreeSpaceTest {

    @Test
    void findsBlocksInTurnAndOneThatCameBackLast() {
        var space = new FreeSpace(Family.IPV4, List.of(parse("10.0.0.0/24"), parse("fd00::/64")));

        List<String> found = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            found.add(take(space, 26));
        }
        space.give(parse("10.0.0.0/26"));
        found.add(take(space, 26));
        found.add(take(space, 26));

        assertThat(found)
                .containsExactly("10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26", "10.0.0.192/26", "10.0.0.0/26");
        assertThat(space.next(26)).isEmpty();
        assertThat(space.fits(26)).isFalse();
    }

    @Test
    void neverFindsABlockOverAnExistingOneOfAnotherLength() {
        var space = new FreeSpace(Family.IPV4, List.of(parse("10.0.0.0/24")));
        space.take(parse("10.0.0.64/27"));

        assertThat(take(space, 25)).isEqualTo("10.0.0.128/25");
        assertThat(space.next(25)).isEmpty();
        assertThat(take(space, 26)).isEqualTo("10.0.0.0/26");
        assertThat(space.next(26)).isEmpty();
        assertThat(take(space, 27)).isEqualTo("10.0.0.96/27");
    }

    @Test
    void countsWhatIsFree() {
        var space = new FreeSpace(Family.IPV6, List.of(parse("fd00::/48")));
        assertThat(space.count(122)).isEqualTo(BigInteger.TWO.pow(74));

        take(space, 122);

        assertThat(space.count(122)).isEqualTo(BigInteger.TWO.pow(74).subtract(BigInteger.ONE));
        assertThat(space.count(121)).isEqualTo(BigInteger.TWO.pow(73).subtract(BigInteger.ONE));
    }

    @Test
    void aBlockOutsideTheRangesFreesNothing() {
        var space = new FreeSpace(Family.IPV4, List.of(parse("10.0.0.0/25"), parse("10.0.1.0/26")));

        space.take(parse("10.0.0.128/25"));
        space.give(parse("10.0.0.128/25"));
        space.take(parse("10.0.1.0/24"));
        space.give(parse("10.0.1.0/24"));

        assertThat(space.count(26)).isEqualTo(BigInteger.valueOf(3));
    }

    @Test
    void agreesWithAnArrayOfAddresses() {
        long seed = Long.getLong("pilus.property.seed", System.nanoTime());
        var random = new Random(seed);
        for (int run = 0; run < 50; run++) {
            var space = new FreeSpace(Family.IPV4, List.of(parse("10.0.0.0/24"), parse("10.0.1.128/25")));
            boolean[] taken = new boolean[512];
            for (int i = 256; i < 384; i++) {
                taken[i] = true;
            }
            List<Prefix> blocks = new ArrayList<>();
            for (int step = 0; step < 200; step++) {
                if (!blocks.isEmpty() && random.nextInt(5) < 2) {
                    Prefix block = blocks.remove(random.nextInt(blocks.size()));
                    space.give(block);
                    mark(taken, block, false, seed);
                } else {
                    int length = 25 + random.nextInt(8);
                    Optional<Prefix> block = space.next(length);
                    assertThat(block.isPresent())
                            .as("a free /%d, seed %d", length, seed)
                            .isEqualTo(count(taken, length) > 0);
                    block.ifPresent(found -> {
                        space.take(found);
                        mark(taken, found, true, seed);
                        blocks.add(found);
                    });
                }
                int length = 25 + random.nextInt(8);
                assertThat(space.count(length))
                        .as("free /%d, seed %d", length, seed)
                        .isEqualTo(BigInteger.valueOf(count(taken, length)));
            }
        }
    }

    private static void mark(boolean[] taken, Prefix block, boolean as, long seed) {
        int first = Byte.toUnsignedInt(block.getAddress().byteAt(2)) * 256
                + Byte.toUnsignedInt(block.getAddress().byteAt(3));
        for (int i = 0; i < 1 << (32 - block.getLength()); i++) {
            assertThat(taken[first + i]).as("seed %d", seed).isEqualTo(!as);
            taken[first + i] = as;
        }
    }

    private static int count(boolean[] taken, int length) {
        int size = 1 << (32 - length);
        int count = 0;
        for (int first = 0; first < taken.length; first += size) {
            boolean free = true;
            for (int i = first; i < first + size; i++) {
                free &= !taken[i];
            }
            count += free ? 1 : 0;
        }
        return count;
    }

    private static String take(FreeSpace space, int length) {
        Prefix block = space.next(length).orElseThrow();
        space.take(block);
        return Prefixes.format(block);
    }
}

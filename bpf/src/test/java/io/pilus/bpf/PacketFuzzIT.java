package io.pilus.bpf;

import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.bpf.PacketModel.Count;
import io.pilus.bpf.PacketModel.Hook;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Random and damaged packets through each program, each judged by {@link PacketModel} as well. {@code
 * -Dpilus.fuzz.packets=10000000} says how many for each program; {@code -Dpilus.fuzz.batch=<seed>} runs the one batch again
 * that a failure names.
 */
class PacketFuzzIT {

    private static final int BATCH = 500;
    private static final List<Hook> HOOKS = List.of(Hook.values());
    private static final List<Integer> SLOTS = List.of(1, 2, 3);
    private static final List<Integer> TABLES = List.of(1, 2, 3, 4, 9);
    /** What the packets are to bring out of each program: all that it can say, but the kernel's and budgets' refusals. */
    private static final Map<Hook, Set<Integer>> GIVEN = Map.of(
            Hook.FROM_POD,
            Set.of(0, 1, 2, 5, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 36, 37, 40, 41),
            Hook.FROM_HOST,
            Set.of(0, 1, 2, 5, 16, 18, 19, 20, 22, 23, 24, 25, 26, 27, 28, 29, 36, 37, 40),
            Hook.FROM_OVERLAY,
            Set.of(0, 1, 2, 5, 16, 18, 19, 22, 23, 24, 25, 26, 27, 28, 29, 31, 32, 33, 36, 40),
            Hook.FROM_NETDEV,
            Set.of(0, 1, 2, 5, 16, 18, 19, 22, 23, 24, 26, 27, 28, 29, 31, 32, 33, 34, 35, 36, 40));

    private static final long PACKETS = Long.getLong("pilus.fuzz.packets", 200_000);

    private final Set<Integer> seen = new HashSet<>();

    @ParameterizedTest
    @EnumSource
    void everyPacketIsJudgedAsTheModelDoes(Hook hook) {
        long packets = 0;
        Long again = Long.getLong("pilus.fuzz.batch");
        var seeds = new SplittableRandom();
        try (var tunnelled = new ModelledNode(true);
                var natively = new ModelledNode(false)) {
            while (packets < (again == null ? PACKETS : 1)) {
                long seed = again == null ? seeds.nextLong() : again;
                packets += batch((seed & 1) == 0 ? tunnelled : natively, hook, seed);
            }
        }
        if (again == null) {
            assertThat(seen).as("verdicts of " + hook.program()).containsAll(GIVEN.get(hook));
            CaseBook.open().write(row(hook, packets));
        }
    }

    private static FaultCase row(Hook hook, long packets) {
        return FaultCase.of(Chapter.FORGED, "random and damaged packets through " + hook.program())
                .done("sequences of packets, well-formed, answering, damaged and cut, from random seeds, by"
                        + " BPF_PROG_TEST_RUN, with VXLAN and with native routing; action, bytes, mark, counts and"
                        + " connections are compared with a model of the design")
                .times(packets)
                .lost("nothing: every verdict was the model's")
                .guard(
                        "every rule of the program: six were taken out one by one (offset 1 of a TCP fragment, a local pod's source"
                                + " from the host, another node's source in the tunnel, a pool's source from the wire, the end of a quoted"
                                + " packet, ports that are used again), and each showed in the first 500 packets");
    }

    private int batch(ModelledNode node, Hook hook, long seed) {
        try {
            int packets = packets(node, hook, seed, false);
            node.checkState();
            return packets;
        } catch (AssertionError differs) {
            // once more, and look at everything after each packet
            node.resume();
            packets(node, hook, seed, true);
            throw new AssertionError("batch %d differs, and not when it runs again".formatted(seed), differs);
        }
    }

    private int packets(ModelledNode node, Hook hook, long seed, boolean checkEach) {
        var generator = new PacketGenerator(seed);
        node.forget();
        node.sender(node.world.pods.getFirst());
        for (int slot = 1; slot <= 3; slot++) {
            node.point(slot, slot);
        }
        int packets = 0;
        for (int i = 0; i < BATCH; i++) {
            if (generator.chance(5)) {
                node.sender(
                        generator.chance(2)
                                ? null
                                : generator.oneOf(
                                        generator.chance(90) ? node.world.pods.subList(0, 3) : node.world.pods));
            }
            if (generator.chance(1)) {
                node.point(generator.oneOf(SLOTS), generator.oneOf(TABLES));
            }
            Hook at = generator.chance(90) ? hook : generator.oneOf(HOOKS);
            byte[] frame = generator.next(at, node.sender());
            Address outer = generator.outer();
            int vni = generator.vni();
            if (!ModelledNode.isRunnable(frame)) {
                continue;
            }
            packets++;
            try {
                List<Count> counts = node.run(at, frame, outer, vni).counts();
                if (at == hook) {
                    counts.forEach(count -> seen.add(count.verdict()));
                }
                if (checkEach) {
                    node.checkState();
                }
            } catch (AssertionError differs) {
                throw new AssertionError(
                        "%s, packet %d of batch %d (-Dpilus.fuzz.batch=%d runs it again): %s of %s, %s, vni %d:%n%s"
                                .formatted(
                                        hook,
                                        i,
                                        seed,
                                        seed,
                                        at.program(),
                                        node.sender(),
                                        outer,
                                        vni,
                                        HexFormat.of().formatHex(frame)),
                        differs);
            }
        }
        return packets;
    }
}

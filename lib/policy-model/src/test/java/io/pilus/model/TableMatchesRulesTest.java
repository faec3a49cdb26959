package io.pilus.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.model.reference.NaiveEvaluator;
import io.pilus.model.reference.Packet;
import io.pilus.model.reference.RandomCase;
import io.pilus.model.reference.Ruling;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Random policies: the verdict table says what walking the rules says. */
class TableMatchesRulesTest {

    private static final int CASES = Integer.getInteger("pilus.test.cases", 1000);
    private static final int PACKETS = 60;

    private final long firstSeed =
            Long.getLong("pilus.test.seed", RandomGenerator.getDefault().nextInt(1 << 30));

    @Test
    void theTableSaysWhatTheRulesSay() {
        seeds().forEach(seed -> {
            var random = new RandomCase(seed);
            var numbers = new SomeNumbers();

            VerdictTable table = compile(random, numbers);

            for (int i = 0; i < PACKETS; i++) {
                assertAgrees(seed, random, table, numbers);
            }
        });
    }

    @Test
    void aTableThatFollowsIdentitiesIsTheTableThatWouldBeCompiled() {
        seeds().forEach(seed -> {
            var random = new RandomCase(seed);
            var numbers = new SomeNumbers();
            VerdictTable table = compile(random, numbers);

            for (int step = 0; step < 12; step++) {
                if (step % 4 == 3) {
                    int gone = random.removeSomeIdentity();
                    if (gone != 0) {
                        table.forget(gone);
                    }
                } else {
                    Map<Integer, Boolean> before = new HashMap<>();
                    random.peers().known().forEach(identity -> before.put(identity, true));
                    int identity = random.putSomeIdentity();
                    var sets = random.peers().setsOf(identity);
                    assertThat(
                                    before.containsKey(identity)
                                            ? table.reclassify(identity, sets)
                                            : table.introduce(identity, sets))
                            .isPresent();
                }

                for (int i = 0; i < 10; i++) {
                    assertAgrees(seed, random, table, numbers);
                }
            }
        });
    }

    @Test
    void aDeltaThatSaysItOnlyGivesNeverTakesAway() {
        seeds().forEach(seed -> {
            var random = new RandomCase(seed);
            VerdictTable table = compile(random, new SomeNumbers());

            for (int step = 0; step < 8; step++) {
                Map<Packet, Boolean> allowedBefore = new HashMap<>();
                for (int i = 0; i < 30; i++) {
                    Packet packet = random.packet();
                    allowedBefore.put(packet, Cell.allows(verdict(table, packet)));
                }
                Optional<TableDelta> delta;
                if (step % 3 == 2) {
                    int gone = random.removeSomeIdentity();
                    delta = gone == 0 ? Optional.empty() : Optional.of(table.forget(gone));
                } else {
                    var known = java.util.Set.copyOf(random.peers().known());
                    int identity = random.putSomeIdentity();
                    var sets = random.peers().setsOf(identity);
                    delta = known.contains(identity)
                            ? table.reclassify(identity, sets)
                            : table.introduce(identity, sets);
                }

                if (delta.isPresent() && !delta.get().takesAway()) {
                    allowedBefore.forEach((packet, allowed) -> {
                        var now = new Packet(
                                packet.direction(),
                                packet.identity(),
                                random.peers().isKnown(packet.identity()),
                                packet.address(),
                                packet.managed(),
                                packet.protocol(),
                                packet.port());
                        assertThat(!allowed || Cell.allows(verdict(table, now)))
                                .as("seed %d: %s was allowed and is not", seed, packet)
                                .isTrue();
                    });
                }
            }
        });
    }

    private LongStream seeds() {
        return LongStream.range(firstSeed, firstSeed + CASES);
    }

    private static VerdictTable compile(RandomCase random, RuleNumbers numbers) {
        return ((Compilation.Compiled) TableCompiler.compile(random.policies(), random.peers(), numbers)).table();
    }

    private static long verdict(VerdictTable table, Packet packet) {
        return table.verdict(
                packet.direction(),
                packet.identity(),
                packet.known(),
                packet.address(),
                packet.managed(),
                packet.protocol(),
                packet.port());
    }

    private static void assertAgrees(long seed, RandomCase random, VerdictTable table, SomeNumbers numbers) {
        Packet packet = random.packet();
        long cell = verdict(table, packet);
        Ruling expected = NaiveEvaluator.judge(random.policies(), random.peers(), packet);
        assertThat(new Ruling(Cell.action(cell), numbers.rule(Cell.rule(cell))))
                .as("-Dpilus.test.seed=%d: %s", seed, packet)
                .isEqualTo(expected);
    }

    /** Numbers in the order of asking. */
    static final class SomeNumbers implements RuleNumbers {
        private final Map<RuleRef, Integer> numbers = new HashMap<>();
        private final Map<Integer, RuleRef> rules = new HashMap<>();

        @Override
        public int of(RuleRef rule) {
            int number = numbers.computeIfAbsent(rule, _ -> numbers.size() + 1);
            rules.put(number, rule);
            return number;
        }

        Optional<RuleRef> rule(int number) {
            return Optional.ofNullable(rules.get(number));
        }
    }
}

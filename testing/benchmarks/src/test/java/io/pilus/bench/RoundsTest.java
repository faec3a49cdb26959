package io.pilus.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.OutputStream;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RoundsTest {

    private static final Progress SILENT = new Progress(new PrintStream(OutputStream.nullOutputStream()), false);

    private final List<String> calls = new ArrayList<>();

    @Test
    void theOrderIsReversedFromRoundToRoundAndTheCpuChangesEverySecondRound() {
        int cpus = Runtime.getRuntime().availableProcessors();

        Rounds.run(List.of(variant("a", 1, 1, 1), variant("b", 1, 1, 1)), 3, SILENT);

        int second = 1 % cpus;
        assertThat(calls).containsExactly("a on 0", "b on 0", "b on 0", "a on 0", "a on " + second, "b on " + second);
    }

    @Test
    void aRatioIsMadeInsideARoundAndItsMedianReported() {
        var series = Rounds.run(List.of(variant("peer", 10, 20, 40), variant("pilus", 11, 24, 42)), 3, SILENT);

        Spread ratio = series.ratio("pilus", "peer", "p5");

        assertThat(ratio).isEqualTo(new Spread(1.1, 1.05, 1.2));
        assertThat(series.of("pilus", "p5")).isEqualTo(new Spread(24, 11, 42));
    }

    @Test
    void aValueThatNobodyMeasuredIsNamed() {
        var series = Rounds.run(List.of(variant("peer", 10)), 1, SILENT);

        assertThatThrownBy(() -> series.of("peer", "p99")).hasMessageContaining("'peer' has no 'p99'");
    }

    @Test
    void theMedianOfAnEvenNumberOfRoundsIsHalfWay() {
        assertThat(Spread.of(List.of(4.0, 1.0, 2.0, 3.0))).isEqualTo(new Spread(2.5, 1, 4));
    }

    private Rounds.Variant variant(String name, double... values) {
        return new Rounds.Variant() {
            private int next;

            @Override
            public String name() {
                return name;
            }

            @Override
            public Map<String, Double> measure(int cpu) {
                calls.add(name + " on " + cpu);
                return Map.of("p5", values[next++]);
            }
        };
    }
}

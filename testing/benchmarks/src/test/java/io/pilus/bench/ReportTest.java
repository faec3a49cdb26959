package io.pilus.bench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {

    private static final Series SERIES =
            new Series(List.of(Map.of("bare veth", Map.of("p5", 4000.0)), Map.of("bare veth", Map.of("p5", 4100.0))));

    @Test
    void aMetGateEndsInOneLine() {
        var outcome = new Outcome(List.of(Figure.atMost(1.15, spread(1.123), "x bare veth")), List.of(), List.of());

        assertThat(new Result.Measured(new NamedGate("D1"), outcome).line())
                .isEqualTo("D1  1.12 x bare veth  gate 1.15  met");
    }

    @Test
    void oneFigureBeyondItsBoundMissesTheGate() {
        var outcome = new Outcome(
                List.of(Figure.atMost(20, spread(14.2), "ms p50"), Figure.atLeast(0.5, spread(0.49), "x bare puts")),
                List.of(),
                List.of());

        assertThat(new Result.Measured(new NamedGate("C6"), outcome).line())
                .isEqualTo("C6  14.20 ms p50  gate 20; 0.49 x bare puts  gate 0.50  missed");
    }

    @Test
    void aFigureIsJudgedAsItIsPrinted() {
        assertThat(Figure.atMost(1.15, spread(1.1549), "x").met()).isTrue();
        assertThat(Figure.atMost(1.15, spread(1.1551), "x").met()).isFalse();
    }

    @Test
    void aGateThatCouldNotBeMeasuredIsNotMet() {
        var result = new Result.Failed(new NamedGate("C4"), "there is no /usr/lib/cni/ptp");

        assertThat(result.met()).isFalse();
        assertThat(result.line()).isEqualTo("C4  not measured: there is no /usr/lib/cni/ptp");
    }

    @Test
    void jsonHoldsEveryFigureWithItsRange(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("deep/bench.json");

        report("D1", spread(1.1)).writeJson(file);

        JsonNode gate = new ObjectMapper().readTree(file.toFile()).at("/gates/0");
        assertThat(gate.at("/figures/0/median").doubleValue()).isEqualTo(1.1);
        assertThat(gate.at("/figures/0/met").booleanValue()).isTrue();
        assertThat(gate.at("/tables/0/variants/0/name").textValue()).isEqualTo("bare veth");
        assertThat(gate.at("/tables/0/variants/0/value/max").doubleValue()).isEqualTo(4100);
    }

    @Test
    void theNewestRunIsRecordedFirstAndNothingElseIsTouched(@TempDir Path directory) throws IOException {
        Path document = directory.resolve("measurements.md");
        Files.writeString(document, "# Measurements\n\nHow to read this.\n");

        report("D1", spread(1.1)).record(document);
        report("D2", spread(1.2)).record(document);

        String text = Files.readString(document);
        assertThat(text).startsWith("# Measurements\n\nHow to read this.\n\n## 2026-11-23, abc\n");
        assertThat(text.indexOf("### D2")).isBetween(0, text.indexOf("### D1"));
        assertThat(text).containsOnlyOnce("D1  1.10 x").containsOnlyOnce("D2  1.20 x");
        assertThat(text).doesNotContain("\n\n\n");
    }

    private static Report report(String gate, Spread value) {
        var outcome = new Outcome(
                List.of(Figure.atMost(1.3, value, "x bare veth")),
                List.of(Table.of("same node", "ns", SERIES, "p5")),
                List.of("Quiet machine."));
        return new Report(
                Instant.parse("2026-11-23T21:30:00Z"),
                "./pilus bench --record",
                "abc",
                11,
                List.of(new Result.Measured(new NamedGate(gate), outcome)));
    }

    private static Spread spread(double median) {
        return new Spread(median, median - 0.1, median + 0.1);
    }

    private record NamedGate(String id) implements Gate {
        @Override
        public String title() {
            return "a gate";
        }

        @Override
        public Outcome measure(Run run) {
            throw new UnsupportedOperationException();
        }
    }
}

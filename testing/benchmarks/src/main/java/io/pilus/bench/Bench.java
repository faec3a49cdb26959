package io.pilus.bench;

import java.io.Console;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * {@code ./pilus bench [GATE...]}: measures the gates of the design, each beside its peers in the same run, and closes
 * with one line a gate. Ends with 0 when every gate was met, with 1 when one was missed or could not be measured, with 2
 * when it was asked for something that it does not have.
 */
public final class Bench {

    /** What no argument means. */
    private static final List<Gate> GATES = List.of(
            new SameNodeGate(),
            new AcrossNodesGate(),
            new ConnectionsGate(),
            new TunnelGate(),
            new PolicyGate(),
            new AttachGate(),
            new ReachGate(),
            new IdentityGate(),
            new MemoryGate(),
            new RestartGate());

    private static final List<Gate> OTHERS = List.of(new PeersGate());

    private static final int MET = 0;
    private static final int MISSED = 1;
    private static final int MISUSED = 2;

    private final PrintStream out;
    private final PrintStream err;
    private final Path home;

    private Bench(PrintStream out, PrintStream err, Path home) {
        this.out = out;
        this.err = err;
        this.home = home;
    }

    public static void main(String[] arguments) throws IOException {
        String home = System.getenv().getOrDefault("PILUS_HOME", "");
        System.exit(new Bench(System.out, System.err, Path.of(home).toAbsolutePath()).run(arguments));
    }

    private int run(String[] arguments) throws IOException {
        Options options;
        List<Gate> gates;
        try {
            options = Options.parse(arguments, home);
            gates = chosen(options.gates());
        } catch (IllegalArgumentException e) {
            err.println("pilus bench: " + e.getMessage());
            return MISUSED;
        }
        if (options.help()) {
            out.print(usage());
            return MET;
        }
        var progress = new Progress(err, isTerminal(System.console()));
        List<Result> results = measure(gates, options.rounds(), progress);
        var report = new Report(
                Instant.now(), "./pilus bench " + String.join(" ", arguments), revision(), options.rounds(), results);
        report.writeJson(options.json());
        if (options.record()) {
            report.record(home.resolve("docs/measurements.md"));
        }
        out.print(report.tables());
        results.forEach(result -> out.println(result.line()));
        return results.stream().allMatch(Result::met) ? MET : MISSED;
    }

    private static boolean isTerminal(@Nullable Console console) {
        return console != null && console.isTerminal();
    }

    private List<Result> measure(List<Gate> gates, int rounds, Progress progress) {
        ScratchNamespaces.removeLeftovers();
        List<Result> results = new ArrayList<>();
        try (var run = new Run(home, rounds, progress)) {
            for (Gate gate : gates) {
                results.add(measure(gate, run));
            }
        } finally {
            progress.end();
        }
        return results;
    }

    /** One gate's trouble is not the others'. */
    private static Result measure(Gate gate, Run run) {
        run.progress().begin(gate.id() + ": " + gate.title());
        try {
            return new Result.Measured(gate, gate.measure(run));
        } catch (RuntimeException e) {
            return new Result.Failed(gate, String.valueOf(e.getMessage()));
        }
    }

    private static List<Gate> chosen(List<String> ids) {
        return ids.isEmpty() ? GATES : ids.stream().map(Bench::gate).toList();
    }

    private static Gate gate(String id) {
        for (List<Gate> gates : List.of(GATES, OTHERS)) {
            for (Gate gate : gates) {
                if (gate.id().equalsIgnoreCase(id)) {
                    return gate;
                }
            }
        }
        throw new IllegalArgumentException("gate '" + id + "' is not measured yet; there are "
                + GATES.stream().map(Gate::id).collect(Collectors.joining(", ")));
    }

    private static String usage() {
        var text = new StringBuilder("""
                usage: ./pilus bench [--rounds N] [--record] [--json FILE] [GATE...]

                Measures the gates of the design, each beside its peers in the same run; without a gate, all of these:

                """);
        for (Gate gate : GATES) {
            text.append(String.format(Locale.ROOT, "  %-9s %s%n", gate.id(), gate.title()));
        }
        text.append("\nand, by name only:\n\n");
        for (Gate gate : OTHERS) {
            text.append(String.format(Locale.ROOT, "  %-9s %s%n", gate.id(), gate.title()));
        }
        return text.append("""

                  --rounds N   how often each variant is measured (%d)
                  --record     writes the results into docs/measurements.md
                  --json FILE  where they go as JSON (testing/benchmarks/target/bench.json)
                """.formatted(Rounds.ENOUGH)).toString();
    }

    private String revision() {
        try {
            String git = Commands.run("git", "-C", home.toString(), "describe", "--always", "--dirty");
            return git.strip();
        } catch (CommandFailedException e) {
            return "unknown revision";
        }
    }
}

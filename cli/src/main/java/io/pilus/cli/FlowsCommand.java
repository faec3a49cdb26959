package io.pilus.cli;

import io.pilus.lab.Flow;
import io.pilus.lab.FlowStream;
import io.pilus.lab.LabState;
import io.pilus.lab.LabState.NodeState;
import io.pilus.lab.Rest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code pilus flows}. */
@Command(
        name = "flows",
        mixinStandardHelpOptions = true,
        description = "Shows the verdicts of every node, each with the rule that decided.")
final class FlowsCommand implements Callable<Integer> {

    /** In 2026-01-01T12:34:56.789Z. */
    private static final int CLOCK_BEGIN = 11;

    private static final int CLOCK_END = 23;

    @Mixin
    Cluster cluster = new Cluster();

    @Option(
            names = {"-f", "--follow"},
            description = "go on as they come")
    boolean follow;

    @Option(names = "--node", paramLabel = "NAME", description = "this node's only")
    @Nullable
    String node;

    @Option(names = "--verdict", defaultValue = "ANY", description = "${COMPLETION-CANDIDATES}")
    Wanted verdict = Wanted.ANY;

    @Override
    public Integer call() throws InterruptedException {
        LabState lab = cluster.lab();
        List<NodeState> nodes = lab.nodes().stream()
                .filter(candidate -> node == null || candidate.name().equals(node))
                .toList();
        if (nodes.isEmpty()) {
            throw new UserException("no node '" + node + "' in lab " + lab.name());
        }
        Console console = Console.standard();
        if (follow) {
            List<FlowStream> streams = nodes.stream()
                    .map(each -> FlowStream.follow(each.name(), agent(each), flow -> show(flow, console), console::say))
                    .toList();
            for (FlowStream stream : streams) {
                stream.join();
            }
        } else {
            nodes.forEach(each -> showRecent(each, console));
        }
        return 0;
    }

    private static Rest agent(NodeState node) {
        return Rest.at(Path.of(node.socket()));
    }

    private void showRecent(NodeState from, Console console) {
        try (Stream<String> lines = agent(from).lines("/v1/flows")) {
            lines.filter(line -> !line.isBlank())
                    .map(line -> Flow.parse(from.name(), line))
                    .forEach(flow -> show(flow, console));
        } catch (IOException | UncheckedIOException e) {
            console.say("the agent of " + from.name() + " does not answer: " + e.getMessage());
        }
    }

    private void show(Flow flow, Console console) {
        if (verdict.matches(flow)) {
            console.print(line(flow));
        }
    }

    static String line(Flow flow) {
        String clock = flow.time().length() > CLOCK_END ? flow.time().substring(CLOCK_BEGIN, CLOCK_END) : flow.time();
        String verdict = String.format("%-26s", flow.verdict());
        return String.format(
                "%s %s %s %-7s %-6s %s -> %s%s%s",
                clock,
                flow.node(),
                flow.isDrop() ? Console.red(verdict) : Console.green(verdict),
                flow.direction(),
                flow.protocol(),
                flow.source(),
                flow.destination(),
                flow.document().isEmpty() ? "" : "  by " + flow.rule(),
                flow.packets() > 1 ? "  x" + flow.packets() : "");
    }

    /** Which flows are shown. */
    enum Wanted {
        ANY,
        ALLOWED,
        DROPPED;

        boolean matches(Flow flow) {
            return switch (this) {
                case ANY -> true;
                case ALLOWED -> !flow.isDrop();
                case DROPPED -> flow.isDrop();
            };
        }
    }
}

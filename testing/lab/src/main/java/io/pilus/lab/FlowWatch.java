package io.pilus.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Collects the flows of all nodes of a lab while something is tried. */
public final class FlowWatch implements AutoCloseable {

    private static final Duration PAUSE = Duration.ofMillis(100);

    private final List<Flow> seen = new ArrayList<>();
    private volatile boolean closed;

    /** Begins to watch. */
    public FlowWatch(Lab lab) {
        for (Node node : lab.nodes()) {
            Thread.ofVirtual().name("flows of " + node.name()).start(() -> collect(node));
        }
    }

    /** Forgets what it has seen. */
    public synchronized void forget() {
        seen.clear();
    }

    /** What it has seen. */
    public synchronized List<Flow> seen() {
        return List.copyOf(seen);
    }

    /** The first flow that matches, as soon as it is there. */
    public synchronized Optional<Flow> await(Predicate<Flow> wanted, Duration patience) throws InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        while (true) {
            Optional<Flow> found = seen.stream().filter(wanted).findFirst();
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (found.isPresent() || left <= 0) {
                return found;
            }
            wait(left);
        }
    }

    @Override
    public void close() {
        closed = true;
    }

    /** Asks again and again for the newest: an agent may be restarted meanwhile, and keeps more than come in a pause. */
    private void collect(Node node) {
        Instant newest = Instant.MIN;
        while (!closed) {
            try (Stream<String> lines = node.api().lines("/v1/flows?limit=8192")) {
                for (String line : lines.filter(line -> !line.isBlank()).toList()) {
                    Flow flow = Flow.parse(node.name(), line);
                    Instant time = Instant.parse(flow.time());
                    if (time.isAfter(newest)) {
                        newest = time;
                        add(flow);
                    }
                }
                Thread.sleep(PAUSE);
            } catch (IOException | UncheckedIOException _) {
                // the agent is being restarted; whoever waits for a flow will say what is missing
            } catch (InterruptedException _) {
                return;
            }
        }
    }

    private synchronized void add(Flow flow) {
        seen.add(flow);
        notifyAll();
    }
}

package io.pilus.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** Collects the flows of all nodes of a lab while something is tried. */
public final class FlowWatch implements AutoCloseable {

    private final List<Flow> seen = new ArrayList<>();
    private final List<FlowStream> streams;

    /** Begins to watch. */
    public FlowWatch(Lab lab) {
        // an agent may be restarted meanwhile; whoever waits for a flow will say what is missing
        streams = lab.nodes().stream()
                .map(node -> FlowStream.follow(node.name(), node.api(), this::add, _ -> {}))
                .toList();
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
        streams.forEach(FlowStream::close);
    }

    private synchronized void add(Flow flow) {
        seen.add(flow);
        notifyAll();
    }
}

package io.pilus.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Collects the flows of all nodes of a lab while something is tried. */
public final class FlowWatch implements AutoCloseable {

    private final List<Flow> seen = new ArrayList<>();
    private final List<Stream<String>> streams = new ArrayList<>();

    /** Begins to watch. */
    public FlowWatch(Lab lab) {
        for (Node node : lab.nodes()) {
            try {
                Stream<String> lines = node.api().lines("/v1/flows?follow=true");
                streams.add(lines);
                Thread.ofVirtual().name("flows of " + node.name()).start(() -> collect(node, lines));
            } catch (IOException e) {
                throw new LabException("the agent of " + node.name() + " shows no flows", e);
            }
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
        streams.forEach(Stream::close);
    }

    private void collect(Node node, Stream<String> lines) {
        try {
            lines.filter(line -> !line.isBlank())
                    .map(line -> Flow.parse(node.name(), line))
                    .forEach(this::add);
        } catch (UncheckedIOException _) {
            // the agent has ended, or nobody watches any more; whoever waits for a flow will say what is missing
        }
    }

    private synchronized void add(Flow flow) {
        seen.add(flow);
        notifyAll();
    }
}

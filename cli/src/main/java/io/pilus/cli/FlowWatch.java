package io.pilus.cli;

import io.pilus.lab.Lab;
import io.pilus.lab.Node;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** Collects the flows of all nodes of a lab while something is tried. */
final class FlowWatch {

    private final List<Flow> seen = new ArrayList<>();

    FlowWatch(Lab lab) {
        for (Node node : lab.nodes()) {
            Thread.ofVirtual().name("flows of " + node.name()).start(() -> follow(node));
        }
    }

    /** Forgets what it has seen. */
    synchronized void forget() {
        seen.clear();
    }

    /** The first flow that matches, as soon as it is there. */
    synchronized Optional<Flow> await(Predicate<Flow> wanted, Duration patience) throws InterruptedException {
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

    private void follow(Node node) {
        try (Stream<String> lines = node.api().lines("/v1/flows?follow=true")) {
            lines.filter(line -> !line.isBlank())
                    .map(line -> Flow.parse(node.name(), line))
                    .forEach(this::add);
        } catch (IOException | UncheckedIOException _) {
            // the agent has ended; whoever waits for a flow will say what is missing
        }
    }

    private synchronized void add(Flow flow) {
        seen.add(flow);
        notifyAll();
    }
}

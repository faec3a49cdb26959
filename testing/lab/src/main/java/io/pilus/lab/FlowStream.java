package io.pilus.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** The flows of one agent as they come, over restarts of the agent: each once. */
public final class FlowStream implements AutoCloseable {

    private static final Duration PAUSE = Duration.ofMillis(200);

    private final String node;
    private final Rest agent;
    private final Consumer<Flow> consumer;
    private final Consumer<String> trouble;
    private final Thread thread;
    private volatile boolean closed;

    private FlowStream(String node, Rest agent, Consumer<Flow> consumer, Consumer<String> trouble) {
        this.node = node;
        this.agent = agent;
        this.consumer = consumer;
        this.trouble = trouble;
        this.thread = Thread.ofVirtual().name("flows of " + node).start(this::read);
    }

    /**
     * Begins with what the agent still has.
     *
     * @param trouble is told, once an outage, why nothing comes
     */
    public static FlowStream follow(String node, Rest agent, Consumer<Flow> consumer, Consumer<String> trouble) {
        return new FlowStream(node, agent, consumer, trouble);
    }

    /** Waits until {@link #close}. */
    public void join() throws InterruptedException {
        thread.join();
    }

    @Override
    public void close() {
        closed = true;
        thread.interrupt();
    }

    private void read() {
        String cursor = "";
        boolean told = false;
        while (!closed) {
            String last = cursor;
            try (Stream<String> lines =
                    agent.lines("/v1/flows?follow=true" + (cursor.isEmpty() ? "" : "&after=" + cursor))) {
                for (var each = lines.filter(line -> !line.isBlank()).iterator(); each.hasNext(); ) {
                    Flow flow = Flow.parse(node, each.next());
                    consumer.accept(flow);
                    cursor = flow.cursor();
                    told = false;
                }
            } catch (IOException | UncheckedIOException e) {
                told = tell(told, e);
            }
            if (!closed && cursor.equals(last)) {
                pause();
            }
        }
    }

    private boolean tell(boolean told, Exception e) {
        if (!told && !closed) {
            trouble.accept("the agent of " + node + " does not answer, trying again: " + e.getMessage());
        }
        return true;
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE);
        } catch (InterruptedException _) {
            // closed
        }
    }
}

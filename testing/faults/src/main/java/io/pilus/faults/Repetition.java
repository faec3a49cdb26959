package io.pilus.faults;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** Does a thing again and again, on a thread of its own. */
final class Repetition {

    private final Thread thread;
    private final AtomicReference<@Nullable RuntimeException> failure = new AtomicReference<>();
    private volatile boolean stopped;

    private Repetition(String name, Duration pause, LongConsumer work) {
        this.thread = Thread.ofVirtual().name(name).unstarted(() -> {
            try {
                for (long round = 0; !stopped; round++) {
                    work.accept(round);
                    LockSupport.parkNanos(pause.toNanos());
                }
            } catch (RuntimeException e) {
                failure.set(e);
            }
        });
    }

    /**
     * @param work is told the number of its round, from 0 on
     */
    static Repetition start(String name, Duration pause, LongConsumer work) {
        var repetition = new Repetition(name, pause, work);
        repetition.thread.start();
        return repetition;
    }

    /**
     * Ends it after the round that it is in.
     *
     * @throws RuntimeException what the work threw
     */
    void stop() {
        stopped = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
        RuntimeException thrown = failure.get();
        if (thrown != null) {
            throw thrown;
        }
    }
}

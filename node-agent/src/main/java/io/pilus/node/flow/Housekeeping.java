package io.pilus.node.flow;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/** Reads counters and sweeps connections, from time to time. */
@Singleton
class Housekeeping {

    private static final Logger LOG = Logger.getLogger(Housekeeping.class);
    private static final int COUNT_SECONDS = 5;
    private static final int SWEEP_SECONDS = 30;

    private final VerdictCounts counts;
    private final ConnectionSweeper sweeper;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("housekeeping").daemon().factory());

    Housekeeping(VerdictCounts counts, ConnectionSweeper sweeper) {
        this.counts = counts;
        this.sweeper = sweeper;
    }

    void start(@Observes StartupEvent event) {
        every(COUNT_SECONDS, "counting verdicts", counts::refresh);
        every(SWEEP_SECONDS, "sweeping connections", sweeper::sweep);
    }

    void stop(@Observes ShutdownEvent event) {
        timer.shutdownNow();
    }

    private void every(int seconds, String what, Runnable task) {
        var _ = timer.scheduleWithFixedDelay(
                () -> {
                    try {
                        task.run();
                    } catch (RuntimeException e) {
                        LOG.errorf(e, "%s failed; trying again in %d s", what, seconds);
                    }
                },
                seconds,
                seconds,
                TimeUnit.SECONDS);
    }
}

package io.pilus.node.flow;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/** Tells what the datapath owes, reads counters and sweeps connections, from time to time. */
@Singleton
class Housekeeping {

    private static final Logger LOG = Logger.getLogger(Housekeeping.class);
    private static final int TELL_SECONDS = 1;
    private static final int COUNT_SECONDS = 5;
    private static final int SWEEP_SECONDS = 30;

    private final EventTails tails;
    private final VerdictCounts counts;
    private final ConnectionSweeper sweeper;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("housekeeping").daemon().factory());

    Housekeeping(EventTails tails, VerdictCounts counts, ConnectionSweeper sweeper) {
        this.tails = tails;
        this.counts = counts;
        this.sweeper = sweeper;
    }

    void start(@Observes StartupEvent event) {
        every(TELL_SECONDS, "telling of quiet flows", tails::tell);
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

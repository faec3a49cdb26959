package io.pilus.node.flow;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/** Tells what the datapath owes, reads counters, sweeps connections and has their table grow, from time to time. */
@Singleton
class Housekeeping {

    private static final Logger LOG = Logger.getLogger(Housekeeping.class);
    private static final Duration TELL = Duration.ofSeconds(1);
    private static final Duration COUNT = Duration.ofSeconds(5);
    private static final Duration SWEEP = Duration.ofSeconds(30);

    /** A pod may open 20,000 connections a second: the table must not fill between two looks. */
    private static final Duration GROW = Duration.ofMillis(200);

    private final EventTails tails;
    private final VerdictCounts counts;
    private final ConnectionSweeper sweeper;
    private final ConnectionGrowth growth;
    private final ScheduledExecutorService timer = thread("housekeeping");

    /** What works on the tables of connections has a thread of its own: growth closes them, and does not wait for counting. */
    private final ScheduledExecutorService connections = thread("connections");

    Housekeeping(EventTails tails, VerdictCounts counts, ConnectionSweeper sweeper, ConnectionGrowth growth) {
        this.tails = tails;
        this.counts = counts;
        this.sweeper = sweeper;
        this.growth = growth;
    }

    void start(@Observes StartupEvent event) {
        every(TELL, timer, "telling of quiet flows", tails::tell);
        every(COUNT, timer, "counting verdicts", counts::refresh);
        every(SWEEP, connections, "sweeping connections", sweeper::sweep);
        every(GROW, connections, "growing the table of connections", growth::tend);
    }

    void stop(@Observes ShutdownEvent event) {
        timer.shutdownNow();
        connections.shutdownNow();
    }

    private static ScheduledExecutorService thread(String name) {
        return Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name(name).daemon().factory());
    }

    private static void every(Duration period, ScheduledExecutorService on, String what, Runnable task) {
        var _ = on.scheduleWithFixedDelay(
                () -> {
                    try {
                        task.run();
                    } catch (RuntimeException e) {
                        LOG.errorf(e, "%s failed; trying again in %d ms", what, (Object) period.toMillis());
                    }
                },
                period.toMillis(),
                period.toMillis(),
                TimeUnit.MILLISECONDS);
    }
}

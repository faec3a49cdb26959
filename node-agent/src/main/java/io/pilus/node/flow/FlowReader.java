package io.pilus.node.flow;

import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.Event;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Carries events from the datapath's ring buffer into the log, on a thread of its own: polling blocks in the kernel. When that fails it
 * begins anew after a pause.
 */
@Singleton
class FlowReader {

    private static final Logger LOG = Logger.getLogger(FlowReader.class);
    private static final int POLL_MS = 500;
    private static final int PAUSE_MS = 1000;

    private final Datapath datapath;
    private final FlowLog flows;
    private final CountDownLatch stopped = new CountDownLatch(1);
    private volatile @Nullable String failure;
    private @Nullable Thread thread;

    FlowReader(Datapath datapath, FlowLog flows) {
        this.datapath = datapath;
        this.flows = flows;
    }

    void start(@Observes StartupEvent event) {
        thread = Thread.ofPlatform().name("flows").daemon().start(this::read);
    }

    void stop(@Observes ShutdownEvent event) throws InterruptedException {
        stopped.countDown();
        if (thread != null) {
            thread.join(Duration.ofMillis(2L * POLL_MS));
        }
    }

    /** Why no events are read; empty while they are. */
    Optional<String> failure() {
        return Optional.ofNullable(failure);
    }

    private void read() {
        try {
            do {
                try (var ring = datapath.events(this::take)) {
                    while (stopped.getCount() > 0) {
                        ring.poll(POLL_MS);
                        works();
                    }
                } catch (RuntimeException e) {
                    fails(e);
                }
            } while (!stopped.await(PAUSE_MS, TimeUnit.MILLISECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void works() {
        if (failure != null) {
            failure = null;
            LOG.info("flow events are read again");
        }
    }

    private void fails(RuntimeException e) {
        if (failure == null) {
            LOG.errorf(e, "flow events cannot be read; trying again every %d ms", PAUSE_MS);
        }
        failure = e.toString();
    }

    private void take(Event event) {
        try {
            flows.add(event);
        } catch (RuntimeException e) {
            LOG.errorf(e, "event %s cannot be shown", event);
        }
    }
}

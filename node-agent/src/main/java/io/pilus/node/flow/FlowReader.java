package io.pilus.node.flow;

import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.Event;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** Carries events from the datapath's ring buffer into the log, on a thread of its own: polling blocks in the kernel. */
@Singleton
class FlowReader {

    private static final Logger LOG = Logger.getLogger(FlowReader.class);
    private static final int POLL_MS = 500;

    private final Datapath datapath;
    private final FlowLog flows;
    private volatile boolean stopped;
    private @Nullable Thread thread;

    FlowReader(Datapath datapath, FlowLog flows) {
        this.datapath = datapath;
        this.flows = flows;
    }

    void start(@Observes StartupEvent event) {
        thread = Thread.ofPlatform().name("flows").daemon().start(this::read);
    }

    void stop(@Observes ShutdownEvent event) throws InterruptedException {
        stopped = true;
        if (thread != null) {
            thread.join(Duration.ofMillis(2L * POLL_MS));
        }
    }

    private void read() {
        try (var ring = datapath.events(this::take)) {
            while (!stopped) {
                ring.poll(POLL_MS);
            }
        }
    }

    private void take(Event event) {
        try {
            flows.add(event);
        } catch (RuntimeException e) {
            LOG.errorf(e, "event %s cannot be shown", event);
        }
    }
}

package io.pilus.node.datapath;

import io.quarkus.logging.Log;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.Startup;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;

/** Opens the datapath when the agent starts, and from then on puts right what somebody else changes. */
@Startup
@Singleton
class Upkeep {

    private static final Duration PERIOD = Duration.ofSeconds(5);

    private final Datapath datapath;
    private final Thread thread;

    Upkeep(Datapath datapath) {
        this.datapath = datapath;
        this.thread = Thread.ofPlatform().daemon().name("datapath upkeep").start(this::run);
    }

    void stop(@Observes ShutdownEvent event) {
        thread.interrupt();
    }

    private void run() {
        while (true) {
            try {
                Thread.sleep(PERIOD);
                datapath.converge();
            } catch (InterruptedException e) {
                return;
            } catch (RuntimeException e) {
                Log.errorf("the node's devices and programs are not as they must be: %s", e.getMessage());
            }
        }
    }
}

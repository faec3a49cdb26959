package io.pilus.node.flow;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.EventDelay;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.Locale;

/** What the datapath had no room for, as metrics; read in the kernel when somebody asks. */
@Singleton
class LossCounts {

    private final Datapath datapath;
    private final MeterRegistry registry;

    LossCounts(Datapath datapath, MeterRegistry registry) {
        this.datapath = datapath;
        this.registry = registry;
    }

    void register(@Observes StartupEvent event) {
        FunctionCounter.builder("pilus.connections.overflowed", datapath, Datapath::overflowedConnections)
                .description("new connections that found the table full")
                .register(registry);
        for (EventDelay why : EventDelay.values()) {
            FunctionCounter.builder("pilus.events.delayed", datapath, from -> from.delayedEvents(why))
                    .description("flow events that were not told at once")
                    .tag("reason", why.name().toLowerCase(Locale.ROOT).replace('_', '-'))
                    .register(registry);
        }
    }
}

package io.pilus.node.flow;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.EventDelay;
import io.pilus.node.datapath.Overflow;
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
        for (Overflow why : Overflow.values()) {
            FunctionCounter.builder("pilus.connections.overflowed", datapath, from -> from.overflowedConnections(why))
                    .description("new connections that found no place in the table")
                    .tag("reason", label(why))
                    .register(registry);
        }
        for (EventDelay why : EventDelay.values()) {
            FunctionCounter.builder("pilus.events.delayed", datapath, from -> from.delayedEvents(why))
                    .description("flow events that were not told at once")
                    .tag("reason", label(why))
                    .register(registry);
        }
    }

    private static String label(Enum<?> reason) {
        return reason.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

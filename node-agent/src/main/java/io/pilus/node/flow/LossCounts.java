package io.pilus.node.flow;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.EventDelay;
import io.pilus.node.datapath.Overflow;
import io.pilus.node.datapath.TypedMap;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** How full the datapath is, and what it had no room for, as metrics; read in the kernel when somebody asks. */
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
        fill("connections", Datapath::connections);
        fill("endpoints", Datapath::endpoints);
        for (EventDelay why : EventDelay.values()) {
            FunctionCounter.builder("pilus.events.delayed", datapath, from -> from.delayedEvents(why))
                    .description("flow events that were not told at once")
                    .tag("reason", label(why))
                    .register(registry);
        }
    }

    private void fill(String map, Function<Datapath, TypedMap<?, ?>> found) {
        gauge(map, "pilus.node.map.entries", from -> found.apply(from).count());
        gauge(map, "pilus.node.map.capacity", from -> found.apply(from).capacity());
    }

    private void gauge(String map, String name, ToDoubleFunction<Datapath> value) {
        Gauge.builder(name, datapath, value)
                .tag("map", map)
                .description("entries of the datapath's maps")
                .register(registry);
    }

    private static String label(Enum<?> reason) {
        return reason.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

package io.pilus.node.report;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/** The node's status as metrics. */
@Singleton
class StatusMetrics {

    private static final List<String> MAPS = List.of(
            "slots", "tables", "peer_classes", "address_classes", "port_classes", "cells", "destinations", "ranges");

    private final StatusReader reader;
    private final MeterRegistry registry;

    StatusMetrics(StatusReader reader, MeterRegistry registry) {
        this.reader = reader;
        this.registry = registry;
    }

    void register(@Observes StartupEvent event) {
        gauge("pilus.node.revision.seen", "newest revision of cluster/ that has come", Status::seen);
        gauge("pilus.node.revision.realised", "revision that the kernel reflects", Status::realised);
        gauge(
                "pilus.node.errors",
                "what is not as the cluster says",
                status -> status.errors().size());
        gauge("pilus.node.endpoints", "workloads attached", Status::endpoints);
        gauge(
                "pilus.node.store.stranger",
                "1 while the store is not the known one",
                status -> status.stranger() == null ? 0 : 1);
        for (String map : MAPS) {
            register(map, "pilus.node.map.entries", Realisation.Fill::used);
            register(map, "pilus.node.map.capacity", Realisation.Fill::capacity);
        }
    }

    private void gauge(String name, String description, ToDoubleFunction<Status> value) {
        Gauge.builder(name, reader, from -> value.applyAsDouble(from.read()))
                .description(description)
                .register(registry);
    }

    private void register(String map, String name, ToDoubleFunction<Realisation.Fill> value) {
        Gauge.builder(
                        name,
                        reader,
                        from -> Optional.ofNullable(from.read().maps().get(map))
                                .map(value::applyAsDouble)
                                .orElse(0.0))
                .tags(Tags.of("map", map))
                .description("entries of the datapath's maps")
                .register(registry);
    }
}

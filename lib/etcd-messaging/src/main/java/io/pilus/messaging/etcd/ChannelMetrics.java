package io.pilus.messaging.etcd;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.concurrent.atomic.AtomicLong;

/** What an incoming channel counts; every meter has the tag {@code channel}. */
final class ChannelMetrics {

    private final Counter revisions;
    private final Counter events;
    private final Counter listings;
    private final Counter failures;
    private final Counter refusals;
    private final Counter stalls;
    private final AtomicLong delivered = new AtomicLong();
    private final AtomicLong seen = new AtomicLong();

    private ChannelMetrics(MeterRegistry registry, String channel, ChangeBuffer buffer) {
        Tags tags = Tags.of("channel", channel);
        revisions = counter(registry, tags, "revisions", "Revisions delivered");
        events = counter(registry, tags, "events", "Events delivered, and entries of Snapshots");
        listings = counter(registry, tags, "listings", "Snapshots taken");
        failures = counter(registry, tags, "failures", "Connections lost or refused");
        refusals = counter(registry, tags, "refusals", "Changes on which the consumer failed");
        stalls = counter(registry, tags, "stalls", "Watches given up because the consumer was slow");
        gauge(registry, tags, "revision", "Revision that the consumer has been brought to", delivered);
        gauge(registry, tags, "revision.seen", "Newest revision of the store that the channel has heard of", seen);
        Gauge.builder("pilus.etcd.channel.buffered", buffer, ChangeBuffer::bytes)
                .tags(tags)
                .baseUnit("bytes")
                .description("Read but not yet processed by the consumer")
                .register(registry);
        Gauge.builder("pilus.etcd.channel.buffered.changes", buffer, ChangeBuffer::changes)
                .tags(tags)
                .description("Read but not yet processed by the consumer")
                .register(registry);
    }

    static ChannelMetrics incoming(MeterRegistry registry, String channel, ChangeBuffer buffer) {
        return new ChannelMetrics(registry, channel, buffer);
    }

    void seen(long revision) {
        seen.set(revision);
    }

    void delivered(EtcdChange change) {
        delivered.set(change.revision());
        switch (change) {
            case EtcdChange.Snapshot snapshot ->
                events.increment(snapshot.entries().size());
            case EtcdChange.Revision revision -> {
                revisions.increment();
                events.increment(revision.events().size());
            }
        }
    }

    void listed() {
        listings.increment();
    }

    void failed() {
        failures.increment();
    }

    void refused() {
        refusals.increment();
    }

    void stalled() {
        stalls.increment();
    }

    private static Counter counter(MeterRegistry registry, Tags tags, String name, String description) {
        return Counter.builder("pilus.etcd.channel." + name)
                .tags(tags)
                .description(description)
                .register(registry);
    }

    private static void gauge(MeterRegistry registry, Tags tags, String name, String description, AtomicLong value) {
        Gauge.builder("pilus.etcd.channel." + name, value, AtomicLong::get)
                .tags(tags)
                .description(description)
                .register(registry);
    }
}

package io.pilus.messaging.etcd;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.pilus.etcd.EtcdConfig;
import io.pilus.etcd.StoreGuard;
import io.smallrye.mutiny.Multi;
import io.smallrye.reactive.messaging.health.HealthReport;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.eclipse.microprofile.reactive.messaging.Message;

/** An incoming channel and a consumer that keeps what it gets. */
final class Listener implements AutoCloseable {

    final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    final List<EtcdChange> changes = new CopyOnWriteArrayList<>();
    final AtomicReference<Throwable> ended = new AtomicReference<>();

    private final EtcdIncomingChannel channel;

    private Listener(
            EtcdConfig etcd,
            EtcdIncomingChannel.Settings settings,
            Optional<ResumePoint> resume,
            Optional<StoreGuard> guard,
            Consumer<EtcdChange> consumer) {
        channel = new EtcdIncomingChannel(settings, etcd, Optional.empty(), resume, guard, registry);
        Multi.createFrom()
                .publisher(channel.stream())
                .subscribe()
                .with(message -> consume(message, consumer), failure -> ended.set(failure));
    }

    static Listener on(EtcdConfig etcd, String prefix) {
        return new Listener(etcd, settings(prefix), Optional.empty(), Optional.empty(), change -> {});
    }

    static Listener guarded(EtcdConfig etcd, String prefix, StoreGuard guard) {
        return new Listener(etcd, settings(prefix), Optional.empty(), Optional.of(guard), change -> {});
    }

    static Listener resuming(EtcdConfig etcd, String prefix, ResumePoint.Position from) {
        return new Listener(
                etcd, settings(prefix), Optional.of(() -> Optional.of(from)), Optional.empty(), change -> {});
    }

    static Listener with(EtcdConfig etcd, EtcdIncomingChannel.Settings settings, Consumer<EtcdChange> consumer) {
        return new Listener(etcd, settings, Optional.empty(), Optional.empty(), consumer);
    }

    static EtcdIncomingChannel.Settings settings(String prefix) {
        return new EtcdIncomingChannel.Settings(
                "test", prefix, 1000, 16 << 20, 10_000, EtcdIncomingChannel.FailureStrategy.REDELIVER);
    }

    List<EtcdChange.Snapshot> snapshots() {
        return changes.stream()
                .filter(EtcdChange.Snapshot.class::isInstance)
                .map(EtcdChange.Snapshot.class::cast)
                .toList();
    }

    List<EtcdChange.Revision> revisions() {
        return changes.stream()
                .filter(EtcdChange.Revision.class::isInstance)
                .map(EtcdChange.Revision.class::cast)
                .toList();
    }

    /** What a consumer that applies each change has in the end: key and value's text. */
    Map<String, String> state() {
        Map<String, String> state = new TreeMap<>();
        for (EtcdChange change : changes) {
            switch (change) {
                case EtcdChange.Snapshot snapshot -> {
                    state.clear();
                    snapshot.entries()
                            .forEach(entry ->
                                    state.put(entry.key(), entry.value().toString()));
                }
                case EtcdChange.Revision revision ->
                    revision.events().forEach(event -> {
                        switch (event) {
                            case EtcdChange.Event.Put put ->
                                state.put(put.key(), put.value().toString());
                            case EtcdChange.Event.Deleted deleted -> state.remove(deleted.key());
                        }
                    });
            }
        }
        return state;
    }

    double meter(String name) {
        return registry.get("pilus.etcd.channel." + name)
                .meter()
                .measure()
                .iterator()
                .next()
                .getValue();
    }

    HealthReport.ChannelInfo health() {
        var report = HealthReport.builder();
        channel.report(report);
        return report.build().getChannels().getFirst();
    }

    @Override
    public void close() {
        channel.close();
    }

    private void consume(Message<?> message, Consumer<EtcdChange> consumer) {
        EtcdChange change = (EtcdChange) message.getPayload();
        try {
            consumer.accept(change);
            changes.add(change);
            message.ack();
        } catch (RuntimeException e) {
            message.nack(e);
        }
    }
}

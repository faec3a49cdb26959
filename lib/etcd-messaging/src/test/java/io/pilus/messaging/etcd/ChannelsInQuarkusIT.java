package io.pilus.messaging.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Metrics;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.smallrye.common.annotation.RunOnVirtualThread;
import io.smallrye.reactive.messaging.health.HealthReport;
import jakarta.enterprise.inject.Any;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.eclipse.microprofile.reactive.messaging.Incoming;
import org.eclipse.microprofile.reactive.messaging.spi.Connector;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class ChannelsInQuarkusIT {

    @Inject
    Client client;

    @Inject
    Consumer consumer;

    @Inject
    @Connector(EtcdConnector.NAME)
    @Any
    EtcdConnector connector;

    @Inject
    MeterRegistry registry;

    @Singleton
    static class Consumer {

        final List<EtcdChange> changes = new CopyOnWriteArrayList<>();
        final List<Thread> threads = new CopyOnWriteArrayList<>();
        final AtomicInteger inside = new AtomicInteger();
        final AtomicInteger overlaps = new AtomicInteger();

        @Incoming("changes")
        @RunOnVirtualThread
        void on(EtcdChange change) throws InterruptedException {
            if (inside.incrementAndGet() > 1) {
                overlaps.incrementAndGet();
            }
            threads.add(Thread.currentThread());
            Thread.sleep(1);
            changes.add(change);
            inside.decrementAndGet();
        }
    }

    @Test
    void callsTheMethodInOrderAndOneAtATimeOnVirtualThreads() {
        Metrics.addRegistry(new SimpleMeterRegistry());
        await().until(() -> !consumer.changes.isEmpty());
        int before = consumer.changes.size();

        long first = put("0");
        for (int i = 1; i < 300; i++) {
            put(Integer.toString(i));
        }

        await().until(() -> consumer.changes.size() == before + 300);
        assertThat(consumer.changes.subList(before, before + 300))
                .extracting(EtcdChange::revision)
                .containsExactlyElementsOf(
                        LongStream.range(first, first + 300).boxed().toList());
        assertThat(consumer.overlaps).hasValue(0);
        assertThat(consumer.threads).allMatch(Thread::isVirtual);
        assertThat(connector.getReadiness().getChannels()).allMatch(HealthReport.ChannelInfo::isOk);
        assertThat(connector.getLiveness().isOk()).isTrue();
        assertThat(registry.get("pilus.etcd.channel.revisions")
                        .tag("channel", "changes")
                        .counter()
                        .count())
                .isGreaterThanOrEqualTo(300);
    }

    private long put(String value) {
        return client.getKVClient()
                .put(ByteSequence.from("/quarkus/in/a", UTF_8), ByteSequence.from(value, UTF_8))
                .join()
                .getHeader()
                .getRevision();
    }
}

package io.pilus.messaging.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.options.GetOption;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.pilus.etcd.EtcdClients;
import io.pilus.etcd.EtcdUnavailableException;
import io.pilus.testing.etcd.EtcdProcess;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.operators.multi.processors.UnicastProcessor;
import io.smallrye.reactive.messaging.health.HealthReport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.IntStream;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class OutgoingChannelIT {

    private static final Duration LONG = Duration.ofSeconds(60);

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final UnicastProcessor<Message<?>> source = UnicastProcessor.create();
    private EtcdProcess etcd;
    private Client client;
    private EtcdOutgoingChannel channel;

    @BeforeEach
    void start() throws Exception {
        etcd = EtcdProcess.start();
        var config = new TestConfig(etcd.endpoints());
        client = EtcdClients.open(config);
        channel = new EtcdOutgoingChannel("out", client.getKVClient(), config.timeout(), registry);
        Multi.createFrom().publisher(source).subscribe(channel);
    }

    @AfterEach
    void stop() {
        channel.close();
        client.close();
        etcd.close();
    }

    @Test
    void writesInOrderAndSeveralInOneTransaction() throws Exception {
        List<CompletableFuture<Void>> sent = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            sent.add(send(EtcdWrite.of(put("/k" + i, "v"), put("/last" + i % 7, Integer.toString(i)))));
        }

        for (CompletableFuture<Void> one : sent) {
            one.get();
        }

        List<KeyValue> written = find("/");
        assertThat(written).hasSize(1007);
        assertThat(find("/k").stream()
                        .mapToLong(KeyValue::getModRevision)
                        .distinct()
                        .count())
                .isLessThan(1000);
        assertThat(find("/last3").getFirst().getValue().toString()).isEqualTo("997");
        Map<String, Long> revisions = new HashMap<>();
        written.forEach(found -> revisions.put(found.getKey().toString(), found.getModRevision()));
        assertThat(IntStream.range(0, 1000).mapToObj(i -> revisions.get("/k" + i)))
                .isSorted();
    }

    @Test
    void refusesAWriteWhoseGuardFailsAndSaysWhy() throws Exception {
        send(EtcdWrite.of(put("/taken", "1"))).get();
        var before = send(EtcdWrite.of(put("/before", "1")));
        var guarded = send(new EtcdWrite(List.of(new EtcdWrite.Guard.Absent("/taken")), List.of(put("/taken", "2"))));
        var after = send(EtcdWrite.of(put("/after", "1")));

        before.get();
        after.get();
        assertThat(guarded)
                .failsWithin(LONG)
                .withThrowableOfType(ExecutionException.class)
                .withCauseInstanceOf(GuardFailedException.class)
                .withMessageContaining("/taken exists");
        assertThat(find("/taken").getFirst().getValue().toString()).isEqualTo("1");
    }

    @Test
    void stopsASequenceAtItsFirstFailure() {
        var sequence = send(List.of(
                EtcdWrite.of(put("/one", "1")),
                new EtcdWrite(List.of(new EtcdWrite.Guard.Unchanged("/absent", 7)), List.of(put("/two", "1"))),
                EtcdWrite.of(put("/three", "1"))));

        assertThat(sequence)
                .failsWithin(LONG)
                .withThrowableOfType(ExecutionException.class)
                .withMessageContaining("/absent was deleted");
        assertThat(find("/one")).hasSize(1);
        assertThat(find("/two")).isEmpty();
        assertThat(find("/three")).isEmpty();
    }

    @Test
    void sendsWritesOfOneKeyOneAfterTheOther() throws Exception {
        List<CompletableFuture<Void>> sent = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            sent.add(send(EtcdWrite.of(put("/same", Integer.toString(i)))));
        }

        for (CompletableFuture<Void> one : sent) {
            one.get();
        }

        KeyValue last = find("/same").getFirst();
        assertThat(last.getValue().toString()).isEqualTo("49");
        assertThat(last.getVersion()).isEqualTo(50);
    }

    @Test
    void splitsWhatDoesNotFitIntoOneTransaction() throws Exception {
        List<EtcdWrite> writes = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            writes.add(EtcdWrite.of(put("/large" + i, "x".repeat(400_000))));
        }

        send(writes).get();

        assertThat(find("/large")).hasSize(6);
        // two fit into one; when the first goes alone while the others are still coming, it is one more
        assertThat(registry.get("pilus.etcd.channel.transactions").counter().count())
                .isGreaterThanOrEqualTo(3);
    }

    @Test
    void refusesWhatEtcdRefusesWithoutHoldingUpTheRest() throws Exception {
        var twice = send(EtcdWrite.of(put("/twice", "1"), put("/twice", "2")));
        var fine = send(EtcdWrite.of(put("/fine", "1")));
        var nonsense = send("not a write");

        fine.get();
        assertThat(twice)
                .failsWithin(LONG)
                .withThrowableOfType(ExecutionException.class)
                .withMessageContaining("duplicate key");
        assertThat(nonsense)
                .failsWithin(LONG)
                .withThrowableOfType(ExecutionException.class)
                .withMessageContaining("java.lang.String");
    }

    @Test
    void reportsAnOutageAndNoticesItsEnd() {
        etcd.kill();

        assertThat(send(EtcdWrite.of(put("/a", "1"))))
                .failsWithin(LONG)
                .withThrowableOfType(ExecutionException.class)
                .withCauseInstanceOf(EtcdUnavailableException.class);
        assertThat(isReady()).isFalse();

        etcd.restart();
        await().atMost(LONG).until(this::isReady);
    }

    private CompletableFuture<Void> send(Object payload) {
        var answer = new CompletableFuture<Void>();
        source.onNext(Message.of(
                payload,
                () -> {
                    answer.complete(null);
                    return CompletableFuture.completedFuture(null);
                },
                reason -> {
                    answer.completeExceptionally(reason);
                    return CompletableFuture.completedFuture(null);
                }));
        return answer;
    }

    private boolean isReady() {
        var report = HealthReport.builder();
        channel.report(report);
        return report.build().isOk();
    }

    private List<KeyValue> find(String prefix) {
        return client.getKVClient()
                .get(text(prefix), GetOption.builder().isPrefix(true).build())
                .join()
                .getKvs();
    }

    private static EtcdWrite.Operation put(String key, String value) {
        return new EtcdWrite.Operation.Put(key, text(value));
    }

    private static ByteSequence text(String text) {
        return ByteSequence.from(text, UTF_8);
    }
}

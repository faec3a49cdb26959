package io.pilus.messaging.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.PutOption;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.EtcdClients;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.StoreId;
import io.pilus.testing.etcd.EtcdProcess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class IncomingChannelIT {

    private static final Duration LONG = Duration.ofSeconds(60);

    private static EtcdProcess etcd;
    private static TestConfig config;
    private static Client client;
    private static KV kv;
    private static StoreId store;

    private final String prefix = "/test/" + System.nanoTime() + "/";

    @BeforeAll
    static void start() throws Exception {
        etcd = EtcdProcess.start();
        config = new TestConfig(etcd.endpoints());
        client = EtcdClients.open(config.patient());
        kv = client.getKVClient();
        store = new EpochStore(client, new EtcdStore(client, config), config).findOrCreate();
    }

    @AfterAll
    static void stop() {
        client.close();
        etcd.close();
    }

    @Test
    void beginsWithASnapshotAndGoesOnWithWholeRevisions() {
        put("a", "1");
        put("b", "1");
        try (var listener = Listener.on(config, prefix)) {
            await().atMost(LONG).until(() -> listener.changes.size() == 1);

            kv.txn()
                    .Then(
                            Op.put(key("a"), text("2"), PutOption.DEFAULT),
                            Op.delete(key("b"), DeleteOption.DEFAULT),
                            Op.put(key("c"), text("2"), PutOption.DEFAULT))
                    .commit()
                    .join();
            await().atMost(LONG).until(() -> listener.changes.size() == 2);

            assertThat(listener.snapshots().getFirst().entries())
                    .extracting(EtcdChange.Entry::key)
                    .containsExactly(prefix + "a", prefix + "b");
            assertThat(listener.snapshots().getFirst().store()).isEqualTo(store);
            assertThat(listener.revisions().getFirst().events())
                    .extracting(EtcdChange.Event::key)
                    .containsExactlyInAnyOrder(prefix + "a", prefix + "b", prefix + "c");
            assertThat(listener.state()).isEqualTo(Map.of(prefix + "a", "2", prefix + "c", "2"));
            assertThat(listener.health().isOk()).isTrue();
        }
    }

    @Test
    void catchesUpTenThousandRevisionsWithoutASnapshot() {
        long from = put("start", "0");
        putMany(10_000);

        try (var listener = Listener.resuming(config, prefix, new ResumePoint.Position(store, from))) {
            await().atMost(LONG).until(() -> listener.changes.size() == 10_000);

            assertThat(listener.snapshots()).isEmpty();
            assertThat(listener.revisions())
                    .extracting(EtcdChange.Revision::revision)
                    .containsExactlyElementsOf(LongStream.rangeClosed(from + 1, from + 10_000)
                            .boxed()
                            .toList());
        }
    }

    @Test
    void neverShowsHalfATransaction() {
        long from = writeRound(0);
        try (var live = Listener.on(config, prefix)) {
            await().atMost(LONG).until(() -> !live.snapshots().isEmpty());
            for (int round = 1; round <= 40; round++) {
                writeRound(round);
            }
            // 40 revisions of 1.2 MiB come in fragments that end in the midst of a revision
            try (var late = Listener.resuming(config, prefix, new ResumePoint.Position(store, from))) {
                await().atMost(LONG).until(() -> live.revisions().size() == 40 && late.changes.size() == 40);

                for (Listener listener : List.of(live, late)) {
                    for (int round = 1; round <= 40; round++) {
                        EtcdChange.Revision revision = listener.revisions().get(round - 1);
                        String expected = round + "-";
                        assertThat(revision.events())
                                .hasSize(100)
                                .allSatisfy(event -> assertThat(event)
                                        .isInstanceOfSatisfying(
                                                EtcdChange.Event.Put.class,
                                                put -> assertThat(put.value().toString())
                                                        .startsWith(expected)));
                    }
                }
            }
        }
    }

    @Test
    void putsARevisionTogetherThatIsLargerThanAFragment() {
        String padding = "x".repeat(200);
        for (int i = 0; i < 20_000; i += 100) {
            kv.txn()
                    .Then(IntStream.range(i, i + 100)
                            .mapToObj(k -> Op.put(key(padding + k), text(""), PutOption.DEFAULT))
                            .toArray(Op[]::new))
                    .commit()
                    .join();
        }
        try (var listener = Listener.on(config, prefix)) {
            await().atMost(LONG).until(() -> listener.changes.size() == 1);

            kv.delete(key(""), DeleteOption.builder().isPrefix(true).build()).join();
            await().atMost(LONG).until(() -> listener.changes.size() > 1);

            assertThat(listener.revisions())
                    .singleElement()
                    .satisfies(revision -> assertThat(revision.events()).hasSize(20_000));
            assertThat(listener.state()).isEmpty();
        }
    }

    @Test
    void listsEightyMebibytes() {
        String megabyte = "x".repeat(1 << 20);
        for (int i = 0; i < 80; i++) {
            put("large" + i, megabyte);
        }

        try (var listener = Listener.on(config, prefix)) {
            await().atMost(LONG).until(() -> listener.changes.size() == 1);

            assertThat(listener.snapshots().getFirst().entries())
                    .hasSize(80)
                    .allSatisfy(entry -> assertThat(entry.value().size()).isEqualTo(1 << 20));
            assertThat(listener.health().isOk()).isTrue();
        }
        kv.delete(key(""), DeleteOption.builder().isPrefix(true).build()).join();
    }

    @Test
    void sendsOneSnapshotWhenHistoryIsGone() {
        put("gone", "1");
        put("kept", "1");
        try (var proxy = new TcpProxy(etcd.endpoint());
                var listener = Listener.on(new TestConfig(List.of(proxy.endpoint())), prefix)) {
            await().atMost(LONG).until(() -> listener.changes.size() == 1);

            proxy.cut();
            await().atMost(LONG).until(() -> !listener.health().isOk());
            kv.delete(key("gone")).join();
            put("kept", "2");
            put("new", "2");
            etcd.compact();
            proxy.mend();
            await().atMost(LONG).until(() -> listener.changes.size() == 2);
            put("new", "3");
            await().atMost(LONG).until(() -> listener.changes.size() == 3);

            assertThat(listener.snapshots()).hasSize(2);
            assertThat(listener.state()).isEqualTo(Map.of(prefix + "kept", "2", prefix + "new", "3"));
            assertThat(listener.health().isOk()).isTrue();
            assertThat(listener.meter("listings")).isEqualTo(2);
        }
    }

    @Test
    void losesNothingWhenItIsCutOff() {
        try (var proxy = new TcpProxy(etcd.endpoint());
                var listener = Listener.on(new TestConfig(List.of(proxy.endpoint())), prefix)) {
            await().atMost(LONG).until(() -> listener.changes.size() == 1);

            List<Long> written = new ArrayList<>();
            for (int i = 0; i < 300; i++) {
                if (i % 60 == 20) {
                    proxy.cut();
                }
                if (i % 60 == 50) {
                    proxy.mend();
                }
                written.add(put("k" + i % 3, Integer.toString(i)));
            }
            proxy.mend();
            await().atMost(LONG).until(() -> listener.revisions().size() >= 300);

            assertThat(listener.snapshots()).hasSize(1);
            assertThat(listener.revisions())
                    .extracting(EtcdChange.Revision::revision)
                    .containsExactlyElementsOf(written);
        }
    }

    @Test
    void keepsItsMemoryBoundedForASlowConsumer() {
        var gate = new Semaphore(0);
        var settings = new EtcdIncomingChannel.Settings(
                "test", prefix, 1000, 256 << 10, 500, EtcdIncomingChannel.FailureStrategy.REDELIVER);
        String kibibyte = "x".repeat(1024);
        try (var listener = Listener.with(config, settings, change -> gate.acquireUninterruptibly())) {
            await().atMost(LONG).until(() -> listener.meter("buffered.changes") == 1);

            long first = put("k", kibibyte);
            for (int i = 1; i < 5000; i += 250) {
                IntStream.range(0, Math.min(250, 5000 - i))
                        .mapToObj(k -> kv.put(key("k"), text(kibibyte)))
                        .toList()
                        .forEach(CompletableFuture::join);
                assertThat(listener.meter("buffered")).isLessThanOrEqualTo(256 << 10);
                assertThat(listener.meter("buffered.changes")).isLessThanOrEqualTo(500);
            }
            // long enough for the channel to give up its watch
            await().atMost(LONG).until(() -> listener.meter("stalls") == 1);
            assertThat(listener.health().isOk()).isTrue();
            gate.release(1_000_000);

            await().atMost(LONG).until(() -> listener.changes.size() == 5001);
            assertThat(listener.snapshots()).hasSize(1);
            assertThat(listener.revisions())
                    .extracting(EtcdChange.Revision::revision)
                    .containsExactlyElementsOf(
                            LongStream.range(first, first + 5000).boxed().toList());
        }
    }

    @Test
    void deliversAgainWhatTheConsumerFailedOn() {
        var failing = new AtomicBoolean();
        try (var listener = Listener.with(config, Listener.settings(prefix), change -> {
            if (failing.get()) {
                throw new IllegalStateException("no");
            }
        })) {
            await().atMost(LONG).until(() -> listener.changes.size() == 1);

            failing.set(true);
            long first = put("a", "1");
            long second = put("a", "2");
            await().atMost(LONG).until(() -> !listener.health().isOk());
            assertThat(listener.health().getMessage()).contains("no");
            failing.set(false);

            await().atMost(LONG).until(() -> listener.revisions().size() == 2);
            assertThat(listener.revisions())
                    .extracting(EtcdChange.Revision::revision)
                    .containsExactly(first, second);
            assertThat(listener.health().isOk()).isTrue();
        }
    }

    @Test
    void skipsOrEndsWhenToldSo() {
        Consumer<EtcdChange> picky = change -> {
            if (change instanceof EtcdChange.Revision) {
                throw new IllegalStateException("no");
            }
        };
        try (var ignoring = Listener.with(config, settings(EtcdIncomingChannel.FailureStrategy.IGNORE), picky);
                var ending = Listener.with(config, settings(EtcdIncomingChannel.FailureStrategy.FAIL), picky)) {
            await().atMost(LONG).until(() -> ignoring.changes.size() == 1 && ending.changes.size() == 1);

            put("a", "1");
            put("a", "2");

            await().atMost(LONG).until(() -> ignoring.meter("refusals") == 2);
            assertThat(ignoring.health().isOk()).isTrue();
            await().atMost(LONG).until(() -> !ending.health().isOk());
            assertThat(ending.meter("refusals")).isEqualTo(1);
            assertThat(ending.ended.get()).hasMessage("no");
        }
    }

    private EtcdIncomingChannel.Settings settings(EtcdIncomingChannel.FailureStrategy strategy) {
        return new EtcdIncomingChannel.Settings("test", prefix, 1000, 16 << 20, 10_000, strategy);
    }

    private long writeRound(int round) {
        String value = round + "-" + "x".repeat(12_000);
        return kv.txn()
                .Then(IntStream.range(0, 100)
                        .mapToObj(i -> Op.put(key("k" + i), text(value), PutOption.DEFAULT))
                        .toArray(Op[]::new))
                .commit()
                .join()
                .getHeader()
                .getRevision();
    }

    /** As many revisions, a few hundred at a time. */
    private void putMany(int count) {
        for (int done = 0; done < count; done += 250) {
            IntStream.range(done, Math.min(count, done + 250))
                    .mapToObj(i -> kv.put(key("k"), text(Integer.toString(i))))
                    .toList()
                    .forEach(CompletableFuture::join);
        }
    }

    private long put(String name, String value) {
        return kv.put(key(name), text(value)).join().getHeader().getRevision();
    }

    private ByteSequence key(String name) {
        return text(prefix + name);
    }

    private static ByteSequence text(String text) {
        return ByteSequence.from(text, UTF_8);
    }
}

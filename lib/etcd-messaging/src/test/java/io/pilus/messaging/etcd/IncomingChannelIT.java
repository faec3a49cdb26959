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
import java.util.Map;
import java.util.concurrent.CompletableFuture;
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
        client = EtcdClients.open(config);
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
            await().until(() -> listener.changes.size() == 1);

            kv.txn()
                    .Then(
                            Op.put(key("a"), text("2"), PutOption.DEFAULT),
                            Op.delete(key("b"), DeleteOption.DEFAULT),
                            Op.put(key("c"), text("2"), PutOption.DEFAULT))
                    .commit()
                    .join();
            await().until(() -> listener.changes.size() == 2);

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

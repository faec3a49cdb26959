package io.pilus.messaging.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KeyValue;
import io.etcd.jetcd.options.GetOption;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Compiled;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.EtcdClients;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.StoreChangedException;
import io.pilus.etcd.StoreGuard;
import io.pilus.etcd.StoreId;
import io.pilus.testing.etcd.EtcdProcess;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a channel does when etcd itself is in trouble. Each test has an etcd of its own. */
class BadDaysIT {

    private static final Duration LONG = Duration.ofSeconds(90);
    private static final String PREFIX = "/test/";

    @Test
    void noticesALeaderlessMemberAndLosesNothing() throws Exception {
        try (var etcd = EtcdProcess.start(EtcdProcess.Options.DEFAULT.withMembers(3));
                Client client = open(etcd);
                // the survivor alone: there is no other member to turn to
                var listener = Listener.on(new TestConfig(List.of(etcd.endpoint(2))), PREFIX)) {
            await().atMost(LONG).until(() -> listener.changes.size() == 1);
            put(client, "a", "1");
            await().atMost(LONG).until(() -> listener.changes.size() == 2);

            etcd.kill(0);
            etcd.kill(1);
            await().atMost(LONG).until(() -> !listener.health().isOk());
            etcd.restart();
            await().atMost(LONG).until(() -> listener.health().isOk());
            long last = put(client, "a", "2");

            await().atMost(LONG).until(() -> listener.changes.size() == 3);
            assertThat(listener.snapshots()).hasSize(1);
            assertThat(listener.changes.getLast().revision()).isEqualTo(last);
        }
    }

    @Test
    void turnsToAnotherMemberWhenOneFreezes() throws Exception {
        try (var etcd = EtcdProcess.start(EtcdProcess.Options.DEFAULT.withMembers(3));
                Client client = open(etcd);
                var listener = Listener.on(new TestConfig(etcd.endpoints()), PREFIX)) {
            await().atMost(LONG).until(() -> listener.changes.size() == 1);

            etcd.freeze(0);
            try {
                await().atMost(LONG).ignoreExceptions().until(() -> put(client, "a", "1") > 0);
                await().atMost(LONG).until(() -> Map.of(PREFIX + "a", "1").equals(listener.state()));
            } finally {
                etcd.thaw(0);
            }

            assertThat(listener.snapshots()).hasSize(1);
        }
    }

    @Test
    void treatsARestoredOlderStoreAsAStranger(@TempDir Path directory) throws Exception {
        try (var etcd = EtcdProcess.start();
                Client client = open(etcd);
                var listener = Listener.on(new TestConfig(etcd.endpoints()), PREFIX)) {
            await().atMost(LONG).until(() -> listener.changes.size() == 1);
            assertThat(listener.snapshots().getFirst().store()).isNull();
            StoreId store = epochs(etcd, client).findOrCreate();
            await().atMost(LONG).until(() -> listener.snapshots().size() == 2);
            assertThat(listener.snapshots().getLast().store()).isEqualTo(store);
            put(client, "a", "1");
            Path snapshot = directory.resolve("snapshot");
            etcd.save(snapshot);
            long newest = 0;
            for (int i = 0; i < 20; i++) {
                newest = put(client, "b", Integer.toString(i));
            }
            long seen = newest;
            await().atMost(LONG).until(() -> listener.changes.getLast().revision() == seen);

            etcd.kill();
            etcd.restore(snapshot);
            etcd.restart();

            await().atMost(LONG).until(() -> listener.snapshots().size() == 3);
            assertThat(listener.snapshots().getLast().revision()).isLessThan(seen);
            assertThat(listener.state()).isEqualTo(Map.of(PREFIX + "a", "1"));
            StoreId restored = epochs(etcd, client).countRestore();
            await().atMost(LONG)
                    .untilAsserted(() ->
                            assertThat(listener.snapshots().getLast().store()).isEqualTo(restored));
            assertThat(restored.restores()).isEqualTo(1);
        }
    }

    @Test
    void aGuardedChannelHandsOnNothingOfAnEmptyStoreAndGoesOnWhenTheKnownOneIsBack(@TempDir Path directory)
            throws Exception {
        var restored = new AtomicBoolean();
        var guard = new StoreGuard(() -> restored.set(true));
        try (var etcd = EtcdProcess.start();
                Client client = open(etcd)) {
            var store = new EtcdStore(client, new TestConfig(etcd.endpoints()), guard);
            epochs(etcd, client).findOrCreate();
            put(client, "a", "1");
            try (var listener = Listener.guarded(new TestConfig(etcd.endpoints()), PREFIX, guard)) {
                await().atMost(LONG).until(() -> listener.health().isOk());
                Path own = directory.resolve("own");

                etcd.kill();
                Files.move(etcd.dataDirectory(0), own);
                etcd.restart();
                put(client, "b", "1");

                await().atMost(LONG)
                        .until(() -> guard.refusal()
                                .filter(text -> text.contains("no key 'epoch'"))
                                .isPresent());
                await().atMost(LONG).until(() -> !listener.health().isOk());
                assertThatThrownBy(
                                () -> store.transaction().delete(Keys.COMPILED).commit())
                        .isInstanceOf(StoreChangedException.class);
                assertThat(listener.state()).isEqualTo(Map.of(PREFIX + "a", "1"));

                etcd.kill();
                Files.move(etcd.dataDirectory(0), directory.resolve("foreign"));
                Files.move(own, etcd.dataDirectory(0));
                etcd.restart();

                await().atMost(LONG).until(() -> listener.health().isOk());
                put(client, "c", "1");
                await().atMost(LONG).until(() -> listener.state().equals(Map.of(PREFIX + "a", "1", PREFIX + "c", "1")));
                store.transaction().delete(Keys.COMPILED).commit();
                assertThat(restored).isFalse();
            }
        }
    }

    @Test
    void aRestoredStoreEndsAGuardedProcessBeforeItWritesThere(@TempDir Path directory) throws Exception {
        var restored = new AtomicBoolean();
        var guard = new StoreGuard(() -> restored.set(true));
        try (var etcd = EtcdProcess.start();
                Client client = open(etcd)) {
            var store = new EtcdStore(client, new TestConfig(etcd.endpoints()), guard);
            epochs(etcd, client).findOrCreate();
            try (var listener = Listener.guarded(new TestConfig(etcd.endpoints()), PREFIX, guard)) {
                await().atMost(LONG).until(() -> listener.health().isOk());
                Path snapshot = directory.resolve("snapshot");
                etcd.save(snapshot);
                put(client, "a", "1");
                await().atMost(LONG).until(() -> listener.state().containsKey(PREFIX + "a"));
                etcd.kill();
                etcd.restore(snapshot, "--bump-revision=1000", "--mark-compacted", "--initial-cluster-token=again");
                etcd.restart();
                epochs(etcd, client).countRestore();

                await().atMost(LONG).untilTrue(restored);
                assertThatThrownBy(
                                () -> store.transaction().delete(Keys.COMPILED).commit())
                        .isInstanceOf(StoreChangedException.class)
                        .hasMessageContaining("restored from a backup");
                assertThat(listener.state()).containsKey(PREFIX + "a");
            }
        }
    }

    @Test
    void aTransactionOfAProcessThatHasNotNoticedDoesNothingInAnotherStore(@TempDir Path directory) throws Exception {
        try (var etcd = EtcdProcess.start();
                Client client = open(etcd)) {
            var guard = new StoreGuard(() -> {});
            var store = new EtcdStore(client, new TestConfig(etcd.endpoints()), guard);
            StoreId known = epochs(etcd, client).findOrCreate();
            ByteSequence epoch = client.getKVClient()
                    .get(text(Keys.EPOCH.path()))
                    .join()
                    .getKvs()
                    .getFirst()
                    .getValue();
            assertThat(guard.check(known, epoch, 2, 0)).isEmpty();
            etcd.kill();
            Files.move(etcd.dataDirectory(0), directory.resolve("own"));
            etcd.restart();
            epochs(etcd, client).findOrCreate();

            assertThatThrownBy(() -> store.transaction()
                            .put(Keys.COMPILED, Compiled.getDefaultInstance())
                            .commit())
                    .isInstanceOf(StoreChangedException.class);
            assertThat(client.getKVClient()
                            .get(text(Keys.COMPILED.path()))
                            .join()
                            .getKvs())
                    .isEmpty();
        }
    }

    @Test
    void resumesOnlyInTheStoreThatItKnows(@TempDir Path directory) throws Exception {
        try (var etcd = EtcdProcess.start();
                Client client = open(etcd)) {
            StoreId store = epochs(etcd, client).findOrCreate();
            long position = put(client, "a", "1");
            var elsewhere = new StoreId("another", 0, store.etcdClusterId());
            var later = new StoreId(store.clusterId(), store.restores() + 1, store.etcdClusterId());
            var config = new TestConfig(etcd.endpoints());

            for (ResumePoint.Position stranger : List.of(
                    new ResumePoint.Position(elsewhere, position),
                    new ResumePoint.Position(later, position),
                    new ResumePoint.Position(store, position + 1000))) {
                try (var listener = Listener.resuming(config, PREFIX, stranger)) {
                    await().atMost(LONG).until(() -> listener.changes.size() == 1);
                    assertThat(listener.snapshots()).hasSize(1);
                }
            }
            try (var listener = Listener.resuming(config, PREFIX, new ResumePoint.Position(store, position))) {
                await().atMost(LONG).until(() -> listener.health().isOk());
                put(client, "a", "2");
                await().atMost(LONG).until(() -> listener.changes.size() == 1);
                assertThat(listener.snapshots()).isEmpty();
            }
        }
    }

    @Test
    void losesAndRepeatsNothingWhileEtcdIsKilledUnderLoad() throws Exception {
        try (var etcd = EtcdProcess.start();
                Client client = EtcdClients.open(new TestConfig(etcd.endpoints()));
                var listener = Listener.on(new TestConfig(etcd.endpoints()), PREFIX)) {
            await().atMost(LONG).until(() -> listener.changes.size() == 1);
            Map<Long, String> acknowledged = new TreeMap<>();
            var writing = new AtomicBoolean(true);
            Thread writer = Thread.startVirtualThread(() -> {
                for (int i = 0; writing.get(); i++) {
                    String value = Integer.toString(i);
                    try {
                        acknowledged.put(put(client, "k" + i % 5, value), value);
                    } catch (CompletionException e) {
                        assertThat(e).isNotNull(); // etcd is down: whether it was written shows below
                    }
                }
            });

            for (int i = 0; i < 4; i++) {
                Thread.sleep(1500);
                etcd.kill();
                etcd.restart();
            }
            Thread.sleep(1000);
            writing.set(false);
            writer.join();
            long last = put(client, "end", "end");
            await().atMost(LONG).until(() -> listener.changes.getLast().revision() == last);

            assertThat(listener.snapshots()).hasSize(1);
            assertThat(listener.revisions())
                    .extracting(EtcdChange.Revision::revision)
                    .isSorted()
                    .doesNotHaveDuplicates()
                    .containsAll(acknowledged.keySet());
            assertThat(acknowledged).hasSizeGreaterThan(20);
            assertThat(listener.state()).isEqualTo(content(client));
        }
    }

    private static Client open(EtcdProcess etcd) throws Exception {
        return EtcdClients.open(new TestConfig(etcd.endpoints()).patient());
    }

    private static EpochStore epochs(EtcdProcess etcd, Client client) {
        var config = new TestConfig(etcd.endpoints());
        return new EpochStore(client, new EtcdStore(client, config), config);
    }

    private static long put(Client client, String name, String value) {
        return client.getKVClient()
                .put(text(PREFIX + name), text(value))
                .join()
                .getHeader()
                .getRevision();
    }

    private static Map<String, String> content(Client client) {
        Map<String, String> content = new TreeMap<>();
        for (KeyValue found : client.getKVClient()
                .get(text(PREFIX), GetOption.builder().isPrefix(true).build())
                .join()
                .getKvs()) {
            content.put(found.getKey().toString(), found.getValue().toString());
        }
        return content;
    }

    private static ByteSequence text(String text) {
        return ByteSequence.from(text, UTF_8);
    }
}

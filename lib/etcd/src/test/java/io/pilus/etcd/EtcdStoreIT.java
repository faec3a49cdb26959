package io.pilus.etcd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pilus.contract.Key;
import io.pilus.contract.KeyRange;
import io.pilus.contract.v1.Liveness;
import io.pilus.testing.etcd.EtcdProcess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class EtcdStoreIT {

    private static EtcdProcess etcd;
    private static EtcdFixture fixture;
    private static EtcdStore store;

    private final KeyRange<Liveness> range = new KeyRange<>("/test/" + System.nanoTime() + "/", Liveness.parser());

    @BeforeAll
    static void start() {
        etcd = EtcdProcess.start();
        fixture = EtcdFixture.connect(etcd);
        store = fixture.store();
    }

    @AfterAll
    static void stop() {
        fixture.close();
        etcd.close();
    }

    @Test
    void readsMoreKeysThanATransactionTakes() {
        List<Key<Liveness>> keys = IntStream.range(0, 300).mapToObj(this::key).toList();
        for (int i = 0; i < 299; i++) {
            put(keys.get(i), i);
        }

        List<Versioned<?>> found = new ArrayList<>(store.getAll(keys));

        assertThat(found.getLast()).isNull();
        assertThat(found.subList(0, 299))
                .extracting(versioned -> Objects.requireNonNull(versioned).key())
                .containsExactlyElementsOf(
                        keys.subList(0, 299).stream().map(Key::path).toList());
    }

    @Test
    void listsAsOfOneRevision() {
        for (int i = 0; i < 10; i++) {
            put(key(i), 0);
        }

        Page<Liveness> first = store.list(range, null, 5, 0);
        put(key(7), 1);
        Page<Liveness> second = store.list(range, first.next(), 5, first.revision());

        assertThat(second.next()).isNull();
        assertThat(second.items()).hasSize(5).allMatch(item -> item.value().getSinceEpochMs() == 0);
    }

    @Test
    void asksForSmallerPagesWhenTheValuesAreLarge() {
        var large = Liveness.newBuilder().setVersion("x".repeat(1_000_000)).build();
        for (int i = 0; i < 80; i++) {
            store.transaction().put(key(i), large).commit();
        }

        List<String> seen = new ArrayList<>();
        store.forEach(range, item -> seen.add(item.key()));

        assertThat(seen).hasSize(80).doesNotHaveDuplicates().isSorted();
    }

    @Test
    void saysThatARevisionIsCompacted() {
        long old = put(key(0), 0);
        put(key(1), 0);
        etcd.compact();

        assertThatThrownBy(() -> store.list(range, null, 5, old)).isInstanceOf(RevisionCompactedException.class);
    }

    @Test
    void writesOnlyOverWhatWasRead() {
        put(key(0), 1);
        Versioned<Liveness> seen = store.get(key(0)).orElseThrow();
        put(key(0), 2);

        var late = store.transaction()
                .ifUnchanged(seen)
                .put(key(0), Liveness.getDefaultInstance())
                .commit();

        assertThat(late.succeeded()).isFalse();
        assertThat(store.get(key(0)).orElseThrow().value().getSinceEpochMs()).isEqualTo(2);
    }

    @Test
    void refusesATransactionThatIsTooLarge() {
        var transaction = store.transaction();
        IntStream.range(0, 129).forEach(i -> transaction.put(key(i), Liveness.getDefaultInstance()));

        assertThatThrownBy(transaction::commit)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("split it");
    }

    @Test
    void tellsARefusalFromAnOutage() {
        var twice = store.transaction()
                .put(key(0), Liveness.getDefaultInstance())
                .put(key(0), Liveness.getDefaultInstance());

        assertThatThrownBy(twice::commit)
                .isInstanceOf(EtcdRefusedException.class)
                .hasMessageContaining("duplicate key");
    }

    @Test
    void sendsNoWriteAfterItsCallerHasGivenUp() throws InterruptedException {
        etcd.kill();
        var write = store.transaction().put(key(0), Liveness.getDefaultInstance());
        long before = System.nanoTime();

        assertThatThrownBy(write::commit).isInstanceOf(EtcdUnavailableException.class);
        assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(EtcdFixture.TIMEOUT.plusSeconds(2));

        etcd.restart();
        Thread.sleep(EtcdFixture.TIMEOUT.plusSeconds(1));
        assertThat(store.get(key(0))).isEmpty();
    }

    @Test
    void givesTheStoreOneIdThoughManyAskAtOnce() throws Exception {
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Callable<StoreId>> calls = IntStream.range(0, 8)
                    .<Callable<StoreId>>mapToObj(i -> fixture.epochs()::findOrCreate)
                    .toList();

            List<StoreId> ids = new ArrayList<>();
            for (Future<StoreId> call : threads.invokeAll(calls)) {
                ids.add(call.get());
            }

            assertThat(ids).hasSize(8).containsOnly(ids.getFirst());
            assertThat(StoreId.parse(ids.getFirst().toString())).isEqualTo(ids.getFirst());
        }

        StoreId before = fixture.epochs().find().orElseThrow();
        StoreId restored = fixture.epochs().countRestore();

        assertThat(restored).isEqualTo(new StoreId(before.clusterId(), before.restores() + 1, before.etcdClusterId()));
    }

    private Key<Liveness> key(int number) {
        return range.key(range.prefix() + String.format("%04d", number));
    }

    private long put(Key<Liveness> key, long value) {
        return store.transaction()
                .put(key, Liveness.newBuilder().setSinceEpochMs(value).build())
                .commit()
                .revision();
    }
}

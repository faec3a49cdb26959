package io.pilus.simulation;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.options.WatchOption;
import io.etcd.jetcd.watch.WatchEvent;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Identity;
import io.pilus.etcd.EtcdClients;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Transaction;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import io.pilus.testing.etcd.EtcdProcess;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.IntStream;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The simulated store answers as etcd does. */
class SimulatedEtcdIT {

    private static final int ROUNDS = 20;
    private static final int OPERATIONS = 300;
    private static final List<Key<Identity>> KEYS =
            IntStream.range(256, 264).mapToObj(Keys::identity).toList();

    /** A store, real or not, and its way to grant and end leases and to forget. */
    private interface Leases {
        long grant();

        void revoke(long lease);

        void compact(long revision);
    }

    private record Side(EtcdStore store, Leases leases, Map<Integer, Long> granted) {

        /** What a call answered, or which exception of ours it ended with. */
        String answer(Function<Side, Object> call) {
            try {
                return String.valueOf(call.apply(this));
            } catch (RuntimeException e) {
                return e.getClass().getSimpleName();
            }
        }
    }

    @Test
    void theSameCallsHaveTheSameAnswersAsWithEtcd() throws Exception {
        long calls = 0;
        for (int round = 0; round < ROUNDS; round++) {
            long seed = System.nanoTime();
            try (EtcdProcess process = EtcdProcess.start();
                    Client client = open(process)) {
                var simulated = new SimulatedEtcd();
                var both = new Side[] {real(process, client), simulated(simulated)};
                Random random = new Random(seed);

                for (int i = 0; i < OPERATIONS; i++) {
                    Function<Side, Object> call = any(random);
                    assertThat(both[1].answer(call))
                            .as("seed %d, operation %d", seed, i)
                            .isEqualTo(both[0].answer(call));
                    calls++;
                }

                assertThat(history(simulated)).as("seed %d", seed).isEqualTo(history(client, simulated));
            }
        }

        CaseBook.open()
                .write(
                        FaultCase.of(Chapter.IDENTITIES, "the simulated store")
                                .done(
                                        "random reads, pages, transactions, leases and compactions on it and on etcd 3.6, through the code that"
                                                + " the services use; answers, revisions and watched history compared")
                                .times(calls)
                                .lost("nothing differs")
                                .guard(
                                        "a deletion that uses up a revision though the key is not there: the answers differ within the first hundred calls"));
    }

    private static Function<Side, Object> any(Random random) {
        Key<Identity> key = KEYS.get(random.nextInt(KEYS.size()));
        return switch (random.nextInt(20)) {
            case 0, 1 -> side -> side.store().get(key);
            case 2 -> side -> side.store().getAll(KEYS);
            case 3 -> side -> side.store().listAll(Keys.IDENTITIES);
            case 4 -> side -> side.store().newestWrite(Keys.IDENTITIES);
            case 5 -> {
                int limit = 1 + random.nextInt(4);
                long revision = 1L + random.nextInt(OPERATIONS);
                yield side -> side.store().list(Keys.IDENTITIES, key.path(), limit, revision);
            }
            case 6 -> {
                int number = random.nextInt(3);
                yield side -> {
                    long lease = side.leases().grant();
                    return side.granted().putIfAbsent(number, lease) == null;
                };
            }
            case 7 -> {
                int number = random.nextInt(3);
                yield side -> {
                    Long lease = side.granted().remove(number);
                    if (lease != null) {
                        side.leases().revoke(lease);
                    }
                    return lease != null;
                };
            }
            case 8 -> {
                long revision = 1L + random.nextInt(OPERATIONS);
                boolean seldom = random.nextInt(4) == 0;
                yield side -> {
                    if (seldom) {
                        side.leases().compact(revision);
                    }
                    return seldom;
                };
            }
            default -> transaction(random);
        };
    }

    private static Function<Side, Object> transaction(Random random) {
        long seed = random.nextLong();
        return side -> fill(side, new Random(seed)).commit();
    }

    private static Transaction fill(Side side, Random random) {
        Transaction transaction = side.store().transaction();
        for (int i = random.nextInt(3); i > 0; i--) {
            Key<Identity> key = KEYS.get(random.nextInt(KEYS.size()));
            switch (random.nextInt(5)) {
                case 0 -> transaction.ifAbsent(key);
                case 1 -> transaction.ifPresent(key);
                case 2 -> side.store().get(key).ifPresent(transaction::ifUnchanged);
                case 3 -> transaction.ifModRevision(key, random.nextInt(OPERATIONS));
                default ->
                    side.store().get(key).ifPresent(seen -> transaction.ifCreateRevision(key, seen.createRevision()));
            }
        }
        if (random.nextBoolean()) {
            transaction.getting(KEYS.subList(0, 3));
        }
        for (int i = random.nextInt(4); i > 0; i--) {
            // now and then a key twice, which etcd refuses
            Key<Identity> key = KEYS.get(random.nextInt(KEYS.size()));
            Identity value = Identity.newBuilder().setId(random.nextInt(1000)).build();
            Long lease = side.granted().get(random.nextInt(3));
            switch (random.nextInt(4)) {
                case 0 -> transaction.delete(key);
                case 1 -> transaction.put(key, value, lease == null ? 12345 : lease);
                default -> transaction.put(key, value);
            }
        }
        if (random.nextBoolean()) {
            transaction.getting(KEYS.subList(2, 5));
        }
        return random.nextBoolean() ? transaction.orElseGetting(KEYS) : transaction;
    }

    private static List<List<String>> history(SimulatedEtcd simulated) {
        List<List<String>> all = new ArrayList<>();
        for (long revision = Math.max(2, simulated.firstKept()); revision <= simulated.revision(); revision++) {
            all.add(simulated.changes(revision).stream()
                    .map(change -> event(change.key(), change.value(), change.revision()))
                    .toList());
        }
        return all;
    }

    /** The same from etcd's own watch. */
    private static List<List<String>> history(Client client, SimulatedEtcd simulated) throws InterruptedException {
        long from = Math.max(2, simulated.firstKept());
        Map<Long, List<String>> all = new HashMap<>();
        BlockingQueue<WatchEvent> events = new LinkedBlockingQueue<>();
        var option = WatchOption.builder()
                .withRevision(from)
                .withRange(io.etcd.jetcd.options.OptionsUtil.prefixEndOf(ByteSequence.from(Keys.ROOT, UTF_8)))
                .build();
        try (Watch.Watcher watcher = client.getWatchClient()
                .watch(ByteSequence.from(Keys.ROOT, UTF_8), option, response -> events.addAll(response.getEvents()))) {
            int expected = history(simulated).stream().mapToInt(List::size).sum();
            for (int i = 0; i < expected; i++) {
                WatchEvent event = events.poll(30, TimeUnit.SECONDS);
                assertThat(event).as("event %d of %d, %s", i, expected, watcher).isNotNull();
                long revision = event.getKeyValue().getModRevision();
                all.computeIfAbsent(revision, _ -> new ArrayList<>())
                        .add(event(
                                event.getKeyValue().getKey().toString(UTF_8),
                                event.getEventType() == WatchEvent.EventType.PUT
                                        ? event.getKeyValue().getValue()
                                        : null,
                                revision));
            }
            assertThat(events).isEmpty();
        }
        // within a revision etcd has the order of the operations; the order of keys says the same
        return all.entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .map(entry -> entry.getValue().stream().sorted().toList())
                .toList();
    }

    private static String event(String key, @Nullable ByteSequence value, long revision) {
        return key + " " + value + " " + revision;
    }

    private static Side simulated(SimulatedEtcd etcd) {
        return new Side(
                new EtcdStore(etcd.client(Link.DIRECT), Settings.NONE),
                new Leases() {
                    @Override
                    public long grant() {
                        return etcd.grant();
                    }

                    @Override
                    public void revoke(long lease) {
                        etcd.revoke(lease);
                    }

                    @Override
                    public void compact(long revision) {
                        try {
                            etcd.compact(revision);
                        } catch (RuntimeException e) {
                            throw new IllegalArgumentException(e);
                        }
                    }
                },
                new HashMap<>());
    }

    private static Side real(EtcdProcess etcd, Client client) {
        return new Side(
                new EtcdStore(client, new Settings(etcd.endpoints())),
                new Leases() {
                    @Override
                    public long grant() {
                        return client.getLeaseClient().grant(600).join().getID();
                    }

                    @Override
                    public void revoke(long lease) {
                        client.getLeaseClient().revoke(lease).join();
                    }

                    @Override
                    public void compact(long revision) {
                        try {
                            client.getKVClient().compact(revision).join();
                        } catch (RuntimeException e) {
                            throw new IllegalArgumentException(e);
                        }
                    }
                },
                new HashMap<>());
    }

    private static Client open(EtcdProcess etcd) throws SSLException {
        return EtcdClients.open(new Settings(etcd.endpoints()));
    }
}

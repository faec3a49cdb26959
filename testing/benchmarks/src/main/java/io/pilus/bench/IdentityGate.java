package io.pilus.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.Txn;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.PutOption;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Service;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * C6: how fast label sets that nobody has seen before get their numbers. Each request states a workload with a label set of
 * its own, so that one transaction makes the identity, its label set and its first user. Beside it, on the same etcd and from
 * as many clients: bare puts, and a bare transaction of the same shape.
 */
final class IdentityGate implements Gate {

    private static final String SERVICE = "identity-service, one a request";
    private static final String BATCHES = "identity-service, 16 a request";
    private static final String PUTS = "bare puts";
    private static final String TRANSACTIONS = "the same transaction, bare";

    private static final int CLIENTS = 64;
    private static final int BATCH = 16;

    /** Until then, what is measured is the compiler. */
    private static final int WARM_UP_SLICES = 8;

    private static final Duration SLICE = Duration.ofSeconds(2);
    private static final Pattern NUMBER = Pattern.compile("\"identity\"\\s*:\\s*(\\d+)");

    /** About what the key of an identity holds. */
    private static final ByteSequence VALUE = bytes("v".repeat(150));

    @Override
    public String id() {
        return "C6";
    }

    @Override
    public String title() {
        return "unique identities a second, durable";
    }

    @Override
    public Outcome measure(Run run) {
        run.clusters().close();
        run.progress().begin("starting etcd and identity-service");
        try (Lab lab = Lab.start(LabConfig.named("pbident")
                        .network(204)
                        .nodes(1)
                        .production()
                        .withoutAgents()
                        .services(Service.IDENTITY)
                        .home(run.home())
                        .progress(run.progress()::step)
                        .build());
                Client etcd = Client.builder().endpoints(lab.etcdUri()).build();
                var service = new ServiceClients(
                        URI.create("http://" + lab.etcdUri().getHost() + ":" + Service.IDENTITY.port()),
                        lab.nodes().getFirst().name())) {
            List<Rounds.Variant> variants = List.of(
                    variant(PUTS, clients(() -> put(etcd.getKVClient())), 1),
                    variant(TRANSACTIONS, clients(() -> transact(etcd.getKVClient())), 1),
                    variant(SERVICE, service.clients(1), 1),
                    variant(BATCHES, service.clients(BATCH), BATCH));
            run.progress().begin("warming up");
            for (int i = 0; i < WARM_UP_SLICES; i++) {
                variants.forEach(variant -> variant.measure(0));
            }
            run.progress().begin("allocating");
            Series series = Rounds.run(variants, run.rounds(), run.progress());
            return new Outcome(
                    List.of(Figure.atLeast(0.5, series.ratio(BATCHES, PUTS, "rate"), "x " + PUTS)),
                    List.of(
                            Table.of("puts, transactions or identities a second", "1/s", series, "rate"),
                            Table.of("latency of a request, p50", "ms", series, "p50"),
                            Table.of("latency of a request, p99", "ms", series, "p99")),
                    List.of(
                            "%d clients, each with one request under way; etcd waits for the disk. Driven: POST /v1/workloads with a label set that no other has,"
                                            .formatted(CLIENTS)
                                    + " and POST /v1/workloads/batch with %d such (the gate: an identity is a few keys, a request of its own costs more than all of them);"
                                            .formatted(BATCH)
                                    + " every answer had a number of its own (%d of them)."
                                            .formatted(service.numbers.size()),
                            "'%s' has as many comparisons and puts as the service's, without REST, JSON and the service: what is between it and the service is theirs."
                                    .formatted(TRANSACTIONS)));
        }
    }

    /**
     * @param size how many things one operation does
     */
    private static Rounds.Variant variant(String name, List<? extends ClosedLoop.Operation> clients, int size) {
        return new Rounds.Variant() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public Map<String, Double> measure(int cpu) {
                ClosedLoop.Measured measured = ClosedLoop.run(clients, SLICE);
                return Map.of(
                        "rate", measured.rate() * size,
                        "p50", measured.latency().p50(),
                        "p99", measured.latency().p99());
            }
        };
    }

    private static List<ClosedLoop.Operation> clients(ClosedLoop.Operation operation) {
        List<ClosedLoop.Operation> clients = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            clients.add(operation);
        }
        return clients;
    }

    private static final AtomicLong NEXT = new AtomicLong();

    private static void put(KV kv) throws Exception {
        kv.put(bytes("/bench/puts/" + NEXT.getAndIncrement()), VALUE).get();
    }

    /** Two keys of the identity and two of the workload, created; and two that must be there, or not. */
    private static void transact(KV kv) throws Exception {
        long number = NEXT.getAndIncrement();
        List<Cmp> comparisons = new ArrayList<>();
        List<Op> puts = new ArrayList<>();
        for (String kind : List.of("identity", "labels", "location", "workload")) {
            ByteSequence key = bytes("/bench/transactions/" + kind + "/" + number);
            comparisons.add(new Cmp(key, Cmp.Op.EQUAL, CmpTarget.version(0)));
            puts.add(Op.put(key, VALUE, PutOption.DEFAULT));
        }
        for (String absent : List.of("namespace", "node")) {
            comparisons.add(new Cmp(bytes("/bench/" + absent), Cmp.Op.EQUAL, CmpTarget.version(0)));
        }
        Txn transaction = kv.txn().If(comparisons.toArray(Cmp[]::new)).Then(puts.toArray(Op[]::new));
        TxnResponse response = transaction.commit().get();
        if (!response.isSucceeded()) {
            throw new IllegalStateException("transaction " + number + " found its keys taken");
        }
    }

    private static ByteSequence bytes(String text) {
        return ByteSequence.from(text, UTF_8);
    }

    /** The service's clients: a connection each. */
    private static final class ServiceClients implements AutoCloseable {

        private final String node;
        private final Set<Integer> numbers = ConcurrentHashMap.newKeySet();
        private final AtomicLong next = new AtomicLong();
        private final List<HttpConnection> connections = new ArrayList<>();

        ServiceClients(URI server, String node) {
            this.node = node;
            try {
                for (int i = 0; i < CLIENTS; i++) {
                    connections.add(new HttpConnection(server));
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /** Each creates so many a request. */
        List<ClosedLoop.Operation> clients(int size) {
            return connections.stream()
                    .<ClosedLoop.Operation>map(
                            connection -> size == 1 ? () -> create(connection) : () -> create(connection, size))
                    .toList();
        }

        private void create(HttpConnection connection) throws IOException {
            check(connection.post("/v1/workloads", workload()), 1);
        }

        private void create(HttpConnection connection, int size) throws IOException {
            String items = Stream.generate(this::workload).limit(size).collect(Collectors.joining(","));
            check(connection.post("/v1/workloads/batch", "{\"items\": [" + items + "]}"), size);
        }

        private String workload() {
            return """
                    {"namespace": "default", "name": "bench-%1$d", "node": "%2$s",
                     "labels": {"app.kubernetes.io/name": "bench", "app.kubernetes.io/instance": "bench-%1$d"}}
                    """.formatted(next.getAndIncrement(), node);
        }

        private void check(String answer, int size) throws IOException {
            Matcher identity = NUMBER.matcher(answer);
            for (int i = 0; i < size; i++) {
                if (!identity.find()) {
                    throw new IOException("the answer names no identity where one is due: " + answer);
                }
                if (!numbers.add(Integer.valueOf(identity.group(1)))) {
                    throw new IllegalStateException("two label sets got identity " + identity.group(1));
                }
            }
        }

        @Override
        public void close() {
            for (HttpConnection connection : connections) {
                try {
                    connection.close();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }
}

package io.pilus.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.PutOption;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.Document;
import io.pilus.contract.v1.Owner;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.Service;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * C1: how long a policy that was written is not in force yet, as packets tell. One document among many is changed again and again,
 * so that it forbids and allows what two pods say to each other all the while.
 */
final class PolicyGate implements Gate {

    private static final String PILUS = "Pilus";

    /** The pods' namespace; the other identities and policies live in it too. */
    private static final String NAMESPACE = "default";

    private static final int IDENTITIES = 6_000;
    private static final int POLICIES = 30_000;
    private static final int BATCH = 100;

    /** Nodes of which there is nothing but their workloads. */
    private static final int OTHER_NODES = 60;

    private static final int OPERATIONS = 64;
    private static final int UNDER_WAY = 8;
    private static final int CHANGES = 100;
    private static final long INTERVAL_NANOS = 50_000_000;
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    @Override
    public String id() {
        return "C1";
    }

    @Override
    public String title() {
        return "policy written to enforced, %,d identities, %,d policies, 20 changes a second"
                .formatted(IDENTITIES, POLICIES);
    }

    @Override
    public Outcome measure(Run run) {
        run.clusters().close();
        run.progress().begin("starting one node");
        try (Lab lab = Lab.start(LabConfig.named("pbpolicy")
                        .network(201)
                        .nodes(1)
                        .production()
                        .home(run.home())
                        .progress(run.progress()::step)
                        .build());
                Client etcd = Client.builder().endpoints(lab.etcdUri()).build()) {
            populate(lab, etcd, run);
            List<Pod> pods = lab.run(List.of(pod("caller"), pod("called")));
            try (var changing = new Changing(run, lab, pods)) {
                return changing.measure();
            }
        }
    }

    private static PodSpec pod(String name) {
        return new PodSpec(NAMESPACE, name, "n1", Map.of("role", name), List.of());
    }

    private static void populate(Lab lab, Client etcd, Run run) {
        run.progress().begin("stating %,d workloads, each with labels of its own".formatted(IDENTITIES));
        for (int i = 0; i < OTHER_NODES; i++) {
            lab.rest(Service.IDENTITY)
                    .put("/v1/nodes/other-" + i, """
                            {"labels": {}, "addresses": ["172.20.0.%d"]}
                            """.formatted(i + 1))
                    .orThrow();
        }
        for (int from = 0; from < IDENTITIES; from += BATCH) {
            String items = IntStream.range(from, from + BATCH)
                    .mapToObj(i -> """
                            {"namespace": "%s", "name": "app-%d", "node": "other-%d", "labels": {"app": "app-%d", "tier": "tier-%d"}}
                            """.formatted(NAMESPACE, i, i % OTHER_NODES, i, i % 10))
                    .collect(Collectors.joining(","));
            lab.rest(Service.IDENTITY)
                    .post("/v1/workloads/batch", "{\"items\": [" + items + "]}")
                    .orThrow();
        }
        run.progress().begin("writing %,d policies".formatted(POLICIES));
        awaitCompiled(etcd, write(etcd), run);
    }

    /** Each applies to one application, and lets another in. */
    private static long write(Client etcd) {
        List<CompletableFuture<TxnResponse>> underWay = new ArrayList<>();
        long revision = 0;
        for (int from = 0; from < POLICIES; from += OPERATIONS) {
            Op[] puts = IntStream.range(from, Math.min(POLICIES, from + OPERATIONS))
                    .mapToObj(PolicyGate::put)
                    .toArray(Op[]::new);
            underWay.add(etcd.getKVClient().txn().Then(puts).commit());
            if (underWay.size() == UNDER_WAY) {
                underWay.removeFirst().join();
            }
        }
        for (CompletableFuture<TxnResponse> one : underWay) {
            revision = Math.max(revision, one.join().getHeader().getRevision());
        }
        return revision;
    }

    private static Op put(int number) {
        String name = "policy-" + number;
        int application = number % IDENTITIES;
        String source = """
                {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                 "metadata": {"name": "%s", "namespace": "%s"},
                 "spec": {"podSelector": {"matchLabels": {"app": "app-%d"}},
                          "policyTypes": ["Ingress"],
                          "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "app-%d"}}}],
                                       "ports": [{"protocol": "TCP", "port": %d}]}]}}
                """.formatted(
                        name,
                        NAMESPACE,
                        application,
                        (application + number / IDENTITIES + 1) % IDENTITIES,
                        8000 + number / IDENTITIES);
        Document document = Document.newBuilder()
                .setKind("NetworkPolicy")
                .setNamespace(NAMESPACE)
                .setName(name)
                .setSource(ByteString.copyFromUtf8(source))
                .setOwner(Owner.OWNER_REST)
                .build();
        return Op.put(
                ByteSequence.from(
                        Keys.document("NetworkPolicy", NAMESPACE, name).path(), UTF_8),
                ByteSequence.from(document.toByteArray()),
                PutOption.DEFAULT);
    }

    private static void awaitCompiled(Client etcd, long revision, Run run) {
        long began = System.nanoTime();
        while (System.nanoTime() - began < PATIENCE.toNanos()) {
            long compiled =
                    etcd.getKVClient().get(ByteSequence.from(Keys.COMPILED.path(), UTF_8)).join().getKvs().stream()
                            .mapToLong(found -> compiled(found.getValue()))
                            .findFirst()
                            .orElse(0);
            if (compiled >= revision) {
                return;
            }
            run.progress().step("compiled up to revision %d of %d".formatted(compiled, revision));
            LockSupport.parkNanos(500_000_000);
        }
        throw new IllegalStateException("the policies were not compiled within " + PATIENCE);
    }

    private static long compiled(ByteSequence value) {
        try {
            return Compiled.parseFrom(value.getBytes()).getRevision();
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException(e);
        }
    }

    private record Change(boolean allowed, double at) {}

    private static final class Changing implements AutoCloseable, Rounds.Variant {

        private final Run run;
        private final HttpConnection service;
        private final Process packets;
        private final BlockingQueue<Change> changes = new LinkedBlockingQueue<>();
        private final List<Double> written = new ArrayList<>();
        private boolean allowed;

        Changing(Run run, Lab lab, List<Pod> pods) {
            this.run = run;
            try {
                service = new HttpConnection(lab.restUri(Service.POLICY));
                packets = new ProcessBuilder(
                                run.tools().flip().toString(),
                                namespace(pods.getFirst()),
                                namespace(pods.getLast()),
                                pods.getLast().ipv4(),
                                Integer.toString(LoadGenerator.PORT))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            Thread.ofPlatform()
                    .daemon()
                    .start(() -> packets.inputReader().lines().forEach(line -> {
                        String[] words = line.split(" ", 2);
                        changes.add(new Change(words[0].equals("allowed"), Long.parseLong(words[1]) / 1e6));
                    }));
            await(true);
            allowed = true;
        }

        private static String namespace(Pod pod) {
            return ReferencePaths.NAMESPACES.resolve(pod.netns()).toString();
        }

        Outcome measure() {
            run.progress().begin("warming up");
            measure(0);
            measure(0);
            written.clear();
            run.progress().begin("changing a policy");
            Series series = Rounds.run(List.of(this), run.rounds(), run.progress());
            Spread p99 = series.of(PILUS, "p99");
            return new Outcome(
                    List.of(
                            Figure.atMost(4, series.of(PILUS, "p50"), "ms p50"),
                            Figure.atMost(10, series.of(PILUS, "p90"), "ms p90"),
                            Figure.atMost(
                                    60, new Spread(Percentiles.of(written).p99(), p99.min(), p99.max()), "ms p99")),
                    List.of(
                            Table.of("from the answer to the first packet judged anew, p50", "ms", series, "p50"),
                            Table.of("the same, p90", "ms", series, "p90"),
                            Table.of("the same, p99 of a round", "ms", series, "p99"),
                            Table.of("from sending the request to its answer, p50", "ms", series, "answer"),
                            Table.of("from sending the request to the first packet, p50", "ms", series, "sent")),
                    List.of(
                            "%,d identities and %,d policies, one node with an agent; the other workloads are only stated. One document is changed every 50 ms, so that two pods of the node may talk or may not; a datagram is sent every 0.1 ms."
                                    .formatted(IDENTITIES, POLICIES),
                            "Gated is the time from the answer, when the document is written, to the first packet that was judged by it; the p99 is of all %d changes."
                                    .formatted(written.size())));
        }

        @Override
        public String name() {
            return PILUS;
        }

        @Override
        public Map<String, Double> measure(int cpu) {
            List<Double> sinceAnswer = new ArrayList<>();
            List<Double> sinceSent = new ArrayList<>();
            List<Double> answers = new ArrayList<>();
            long next = System.nanoTime();
            for (int i = 0; i < CHANGES; i++) {
                LockSupport.parkNanos(next - System.nanoTime());
                next = Math.max(next + INTERVAL_NANOS, System.nanoTime());
                allowed = !allowed;
                double sent = System.nanoTime() / 1e6;
                apply(allowed ? "caller" : "nobody");
                double answered = System.nanoTime() / 1e6;
                double judged = await(allowed);
                sinceAnswer.add(judged - answered);
                sinceSent.add(judged - sent);
                answers.add(answered - sent);
            }
            written.addAll(sinceAnswer);
            Percentiles percentiles = Percentiles.of(sinceAnswer);
            return Map.of(
                    "p50", percentiles.p50(),
                    "p90", percentiles.p90(),
                    "p99", percentiles.p99(),
                    "sent", Percentiles.of(sinceSent).p50(),
                    "answer", Percentiles.of(answers).p50());
        }

        private void apply(String caller) {
            try {
                service.post("/v1/documents", """
                        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                         "metadata": {"name": "called", "namespace": "%s"},
                         "spec": {"podSelector": {"matchLabels": {"role": "called"}},
                                  "policyTypes": ["Ingress"],
                                  "ingress": [{"from": [{"podSelector": {"matchLabels": {"role": "%s"}}}]}]}}
                        """.formatted(NAMESPACE, caller));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private double await(boolean expected) {
            try {
                Change change = changes.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
                if (change == null || change.allowed() != expected) {
                    throw new IllegalStateException("packets should be %s, but: %s"
                            .formatted(expected ? "allowed" : "denied", change == null ? "nothing changed" : change));
                }
                return change.at();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted", e);
            }
        }

        @Override
        public void close() {
            packets.destroy();
            try {
                service.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}

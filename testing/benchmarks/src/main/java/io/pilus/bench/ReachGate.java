package io.pilus.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.options.WatchOption;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Node;
import io.pilus.lab.PodSpec;
import io.pilus.lab.Service;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/**
 * How long a pod that the agent has said is attached cannot be reached yet from some node. Until then the news travels from
 * the agent to etcd, from there to identity-service, which publishes the endpoint, and from etcd to every other agent.
 */
final class ReachGate implements Gate {

    private static final String PILUS = "Pilus";
    private static final int NODES = 3;
    private static final int PODS = 60;
    private static final long INTERVAL_NANOS = 50_000_000;

    private static final String POLICY = """
            {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
             "metadata": {"name": "%%1$s", "namespace": "default"},
             "spec": {"podSelector": {"matchLabels": {"role": "%%1$s"}},
                      "policyTypes": ["%%2$s"],
                      "%%3$s": [{"%%4$s": [{"podSelector": {"matchLabels": {"role": "%%5$s"}}}],
                                "ports": [{"protocol": "UDP", "port": %d}]}]}}
            """.formatted(LoadGenerator.PORT);

    @Override
    public String id() {
        return "reachable";
    }

    @Override
    public String title() {
        return "from the answer to attaching until every node reaches the pod, 20 pods a second";
    }

    @Override
    public Outcome measure(Run run) {
        run.clusters().close();
        run.progress().begin("starting " + NODES + " nodes");
        try (Lab lab = Lab.start(LabConfig.named("pbreach")
                        .network(203)
                        .nodes(NODES)
                        .production()
                        .home(run.home())
                        .progress(run.progress()::step)
                        .build());
                Client etcd = Client.builder().endpoints(lab.etcdUri()).build();
                var reaching = new Reaching(run, lab, etcd)) {
            return reaching.measure();
        }
    }

    private record Target(Path namespace, String uid) {}

    private static final class Reaching implements AutoCloseable, Rounds.Variant {

        private final Run run;
        private final Lab lab;
        private final ScratchNamespaces namespaces = new ScratchNamespaces();
        private final List<Target> targets = new ArrayList<>();
        private final List<Double> everywhere = new ArrayList<>();
        private final Process program;
        private final BufferedWriter commands;
        private final BufferedReader answers;
        private final Arrivals attached;
        private final Arrivals published;
        private int generation;

        Reaching(Run run, Lab lab, Client etcd) {
            this.run = run;
            this.lab = lab;
            String first = lab.nodes().getFirst().name();
            attached = new Arrivals(etcd, Keys.attachedOf(first));
            published = new Arrivals(etcd, Keys.endpointsOf(first));
            List<String> command = new ArrayList<>(List.of(
                    run.tools().reach().toString(),
                    lab.nodes().getFirst().directory().resolve("agent.sock").toString(),
                    Integer.toString(LoadGenerator.PORT)));
            List<PodSpec> probes = lab.nodes().stream()
                    .map(node -> new PodSpec(
                            "default", "probe-" + node.name(), node.name(), Map.of("role", "probe"), List.of()))
                    .toList();
            lab.run(probes)
                    .forEach(pod -> command.add(
                            ReferencePaths.NAMESPACES.resolve(pod.netns()).toString()));
            try {
                program = new ProcessBuilder(command)
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            commands = program.outputWriter();
            answers = program.inputReader();
        }

        Outcome measure() {
            run.progress().begin("stating " + PODS + " workloads and a policy");
            for (int i = 0; i < PODS; i++) {
                targets.add(target(i));
            }
            Policies.enforce(lab, "target", POLICY.formatted("target", "Ingress", "ingress", "from", "probe"));
            Policies.enforce(lab, "probe", POLICY.formatted("probe", "Egress", "egress", "to", "target"));
            run.progress().begin("warming up");
            measure(0);
            measure(0);
            everywhere.clear();
            run.progress().begin("attaching and reaching");
            Series series = Rounds.run(List.of(this), run.rounds(), run.progress());
            Spread p99 = series.of(PILUS, "p99");
            return new Outcome(
                    List.of(
                            Figure.atMost(15, series.of(PILUS, "p50"), "ms p50"),
                            Figure.atMost(
                                    100, new Spread(Percentiles.of(everywhere).p99(), p99.min(), p99.max()), "ms p99")),
                    List.of(
                            Table.of("reachable from every node after the answer, p50", "ms", series, "p50"),
                            Table.of("the same, p99 of a round", "ms", series, "p99"),
                            Table.of("the agent's word of it in etcd after the answer, p50", "ms", series, "attached"),
                            Table.of("published in etcd after the answer, p50", "ms", series, "published"),
                            Table.of("reachable from its own node after the answer, p50", "ms", series, "own"),
                            Table.of("the agent's answer, p50", "ms", series, "answer")),
                    List.of(
                            "%d pods are attached on one of %d nodes, one every 50 ms or when the one before was reached. On each node a pod sends it a datagram every 0.25 ms;"
                                            .formatted(PODS, NODES)
                                    + " it is reached when it has answered to all of them. One thread holds all"
                                    + " sockets, so that nobody has to be woken up.",
                            "One policy has the senders send to such pods alone, so that their nodes must know whose the address is; another admits them alone. The gate's p99 is of all %d pods."
                                    .formatted(everywhere.size())));
        }

        @Override
        public String name() {
            return PILUS;
        }

        @Override
        public Map<String, Double> measure(int cpu) {
            generation++;
            List<Double> answer = new ArrayList<>();
            List<Double> own = new ArrayList<>();
            List<Double> all = new ArrayList<>();
            List<Double> reported = new ArrayList<>();
            List<Double> seen = new ArrayList<>();
            long next = System.nanoTime();
            for (int i = 0; i < PODS; i++) {
                LockSupport.parkNanos(next - System.nanoTime());
                next = Math.max(next + INTERVAL_NANOS, System.nanoTime());
                String uid = targets.get(i).uid();
                attached.forget(uid);
                published.forget(uid);
                List<Double> times = ask("ADD", i);
                double answeredAt = times.getFirst();
                answer.add(times.get(1));
                own.add(times.get(2));
                all.add(Collections.max(times.subList(2, times.size())));
                reported.add(attached.last(uid) - answeredAt);
                seen.add(published.last(uid) - answeredAt);
            }
            for (int i = 0; i < PODS; i++) {
                ask("DEL", i);
            }
            everywhere.addAll(all);
            Percentiles percentiles = Percentiles.of(all);
            return Map.of(
                    "p50", percentiles.p50(),
                    "p99", percentiles.p99(),
                    "own", Percentiles.of(own).p50(),
                    "attached", Percentiles.of(reported).p50(),
                    "published", Percentiles.of(seen).p50(),
                    "answer", Percentiles.of(answer).p50());
        }

        /** In milliseconds. */
        private List<Double> ask(String what, int number) {
            Target target = targets.get(number);
            try {
                commands.write(
                        "%s reach-%d-%d %s %s%n".formatted(what, generation, number, target.namespace(), target.uid()));
                commands.flush();
                String answer = answers.readLine();
                if (answer == null) {
                    throw new IllegalStateException("what tries to reach the pods has ended; it says why above");
                }
                return Arrays.stream(answer.split(" ", -1))
                        .map(text -> Double.parseDouble(text) / 1000)
                        .toList();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private Target target(int number) {
            Node node = lab.nodes().getFirst();
            ObjectNode workload = JsonNodeFactory.instance
                    .objectNode()
                    .put("namespace", "default")
                    .put("name", "target-" + number)
                    .put("node", node.name());
            workload.putObject("labels").put("role", "target").put("app", "app-" + number % 10);
            String uid = lab.rest(Service.IDENTITY)
                    .post("/v1/workloads", workload.toString())
                    .orThrow()
                    .json()
                    .path("uid")
                    .asText();
            return new Target(namespaces.add("reach-" + number), uid);
        }

        @Override
        public void close() {
            attached.close();
            published.close();
            program.destroy();
            namespaces.close();
        }
    }
    /** When keys of a range were written last, as somebody who watches them hears it; in milliseconds of the monotonic clock. */
    private static final class Arrivals implements AutoCloseable {

        private static final long PATIENCE_NANOS = 5_000_000_000L;

        private final Map<String, Double> last = new ConcurrentHashMap<>();
        private final Watch.Watcher watcher;

        Arrivals(Client etcd, KeyRange<?> range) {
            watcher = etcd.getWatchClient()
                    .watch(
                            ByteSequence.from(range.prefix(), UTF_8),
                            WatchOption.builder()
                                    .isPrefix(true)
                                    .withNoDelete(true)
                                    .build(),
                            Watch.listener(response -> {
                                double now = System.nanoTime() / 1e6;
                                response.getEvents()
                                        .forEach(event -> last.put(
                                                range.parts(event.getKeyValue()
                                                        .getKey()
                                                        .toString(UTF_8))[0],
                                                now));
                            }));
        }

        void forget(String part) {
            last.remove(part);
        }

        /** Whoever listens here may hear of it later than the nodes do. */
        double last(String part) {
            long began = System.nanoTime();
            while (System.nanoTime() - began < PATIENCE_NANOS) {
                Double at = last.get(part);
                if (at != null) {
                    return at;
                }
                LockSupport.parkNanos(200_000);
            }
            throw new IllegalStateException("nothing was written of " + part);
        }

        @Override
        public void close() {
            watcher.close();
        }
    }
}

package io.pilus.bench;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.pilus.bench.LoadGenerator.Exchange;
import io.pilus.bench.LoadGenerator.Family;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Node;
import io.pilus.lab.Service;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * C4, the agent's side: how long attaching a pod takes. Both variants attach the same network namespaces, one every 50 ms
 * until the node holds 110, each by a program that a resident runtime starts: the reference plugin, or the least program
 * that asks the agent and waits for its answer.
 */
final class AttachGate implements Gate {

    private static final String PILUS = "Pilus";
    private static final String REFERENCE = "ptp plugin";
    private static final int PODS = 110;
    private static final long INTERVAL_NANOS = 50_000_000;

    /** Each application is called by the one before it, and by nobody else. */
    private static final int APPLICATIONS = 10;

    @Override
    public String id() {
        return "C4";
    }

    @Override
    public String title() {
        return "attaching pods, 20 a second until the node has 110, policy in place (agent side)";
    }

    @Override
    public Outcome measure(Run run) {
        Path plugins = findPlugins();
        run.clusters().close();
        run.progress().begin("starting one node");
        try (Lab lab = Lab.start(LabConfig.named("pbattach")
                        .network(203)
                        .nodes(1)
                        .production()
                        .home(run.home())
                        .progress(run.progress()::step)
                        .build());
                var bench = new Attaching(run, lab, plugins)) {
            return bench.measure();
        }
    }

    private static Path findPlugins() {
        return Stream.of(Optional.ofNullable(System.getenv("CNI_PATH")).orElse(""), "/usr/lib/cni", "/opt/cni/bin")
                .filter(directory -> !directory.isEmpty())
                .map(Path::of)
                .filter(directory -> Files.isExecutable(directory.resolve("ptp"))
                        && Files.isExecutable(directory.resolve("host-local")))
                .findFirst()
                .orElseThrow(
                        () -> new IllegalStateException(
                                "the reference plugins ptp and host-local are not here: 'apt-get install containernetworking-plugins', or name their directory by CNI_PATH"));
    }

    /** A pod that both variants attach, one after the other. */
    private record Target(String netns, Path namespace, String uid) {}

    private static final class Attaching implements AutoCloseable {

        private final Run run;
        private final Lab lab;
        private final ScratchNamespaces namespaces = new ScratchNamespaces();
        private final Path scratch;
        private final List<Target> targets = new ArrayList<>();
        private final Contender pilus;
        private final Contender reference;

        Attaching(Run run, Lab lab, Path plugins) {
            this.run = run;
            this.lab = lab;
            Node node = lab.nodes().getFirst();
            try {
                scratch = Files.createTempDirectory("pilus-bench-");
                Path config = scratch.resolve("ptp.json");
                // one family only: for IPv6 the plugin waits a second or two for duplicate address detection
                Files.writeString(config, """
                        {"cniVersion": "1.0.0", "name": "bench", "type": "ptp",
                         "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.250.0.0/16"}]], "dataDir": "%s"}}
                        """.formatted(scratch.resolve("leases")));
                Path host = namespaces.add("cni-host");
                pilus = new Contender(
                        PILUS,
                        new CniPlugin(
                                run.tools(),
                                ReferencePaths.NAMESPACES.resolve(node.netns()),
                                run.tools().post(),
                                config,
                                Map.of(
                                        "PILUS_SOCKET",
                                        node.directory().resolve("agent.sock").toString())));
                reference = new Contender(
                        REFERENCE,
                        new CniPlugin(
                                run.tools(),
                                host,
                                plugins.resolve("ptp"),
                                config,
                                Map.of("CNI_PATH", plugins.toString())));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        Outcome measure() {
            run.progress().begin("stating " + PODS + " workloads and " + APPLICATIONS + " policies");
            for (int i = 0; i < PODS; i++) {
                targets.add(target(i));
            }
            for (int i = 0; i < APPLICATIONS; i++) {
                apply(i);
            }
            checkPolicy();
            run.progress().begin("attaching");
            Series series = Rounds.run(List.of(reference, pilus), run.rounds(), run.progress());
            Percentiles all = Percentiles.of(pilus.times);
            Spread p99 = series.of(PILUS, "p99");
            return new Outcome(
                    List.of(
                            Figure.atMost(20, series.of(PILUS, "p50"), "ms p50"),
                            Figure.atMost(80, new Spread(all.p99(), p99.min(), p99.max()), "ms p99"),
                            Figure.atMost(1.0, series.ratio(PILUS, REFERENCE, "p50"), "x " + REFERENCE + " p50")),
                    List.of(
                            Table.of("attach, p50", "ms", series, "p50"), //
                            Table.of("attach, p99 of a round", "ms", series, "p99")),
                    List.of(
                            "From starting a program to its end: the reference plugin (IPv4 alone, with host-local), or the least client"
                                    + " that posts to the agent and waits until the pod is attached (IPv4 and IPv6).",
                            "%d pods of %d applications, each with a policy of its own; the gate's p99 is of all %d attachments."
                                    .formatted(PODS, APPLICATIONS, pilus.times.size())));
        }

        /** Attaches everything once, which also fills caches and address blocks, and asks the kernel. */
        private void checkPolicy() {
            run.progress().begin("checking that policy is in place");
            reference.attachAll();
            reference.detachAll();
            pilus.attachAll();
            try {
                run.generator().measure(List.of(path(0, 1)), Exchange.DATAGRAMS, Family.IPV4, 0);
                try {
                    run.generator().measure(List.of(path(5, 1)), Exchange.DATAGRAMS, Family.IPV4, 0);
                } catch (CommandFailedException e) {
                    return;
                }
                throw new IllegalStateException("policy app-1 lets app-5 through: what was measured is no attachment");
            } finally {
                pilus.detachAll();
                pilus.times.clear();
            }
        }

        private PacketPath path(int client, int server) {
            Target to = targets.get(server);
            String address = Commands.run("ip", "-n", to.netns(), "-4", "-o", "addr", "show", "dev", "eth0")
                    .strip()
                    .split("\\s+", -1)[3]
                    .split("/", 2)[0];
            return new PacketPath(PILUS, targets.get(client).namespace(), to.namespace(), address, "");
        }

        private Target target(int number) {
            String label = "cni-" + number;
            Path namespace = namespaces.add(label);
            ObjectNode workload = JsonNodeFactory.instance
                    .objectNode()
                    .put("namespace", "default")
                    .put("name", "pod-" + number)
                    .put("node", lab.nodes().getFirst().name());
            workload.putObject("labels").put("app", "app-" + number % APPLICATIONS);
            String uid = lab.rest(Service.IDENTITY)
                    .post("/v1/workloads", workload.toString())
                    .orThrow()
                    .json()
                    .path("uid")
                    .asText();
            return new Target(ScratchNamespaces.name(label), namespace, uid);
        }

        private void apply(int application) {
            int caller = (application + APPLICATIONS - 1) % APPLICATIONS;
            Policies.enforce(lab, "app-" + application, """
                    {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                     "metadata": {"name": "app-%1$d", "namespace": "default"},
                     "spec": {"podSelector": {"matchLabels": {"app": "app-%1$d"}},
                              "policyTypes": ["Ingress"],
                              "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "app-%2$d"}}}],
                                           "ports": [{"protocol": "UDP", "port": %3$d}]}]}}
                    """.formatted(application, caller, LoadGenerator.PORT));
        }

        @Override
        public void close() {
            pilus.plugin.close();
            reference.plugin.close();
            namespaces.close();
            Commands.attempt("rm", "-rf", scratch.toString());
        }

        private final class Contender implements Rounds.Variant {

            private final String name;
            private final CniPlugin plugin;
            private final List<Double> times = new ArrayList<>();
            private int generation;

            Contender(String name, CniPlugin plugin) {
                this.name = name;
                this.plugin = plugin;
            }

            @Override
            public String name() {
                return name;
            }

            @Override
            public Map<String, Double> measure(int cpu) {
                List<Double> round = attachAll();
                detachAll();
                Percentiles percentiles = Percentiles.of(round);
                return Map.of("p50", percentiles.p50(), "p99", percentiles.p99());
            }

            /** In milliseconds. */
            List<Double> attachAll() {
                generation++;
                List<Double> round = new ArrayList<>();
                long next = System.nanoTime();
                for (int i = 0; i < targets.size(); i++) {
                    LockSupport.parkNanos(next - System.nanoTime());
                    next = Math.max(next + INTERVAL_NANOS, System.nanoTime());
                    Target target = targets.get(i);
                    round.add(plugin.add(container(i), target.namespace(), target.uid())
                                    .toNanos()
                            / 1e6);
                }
                times.addAll(round);
                return round;
            }

            void detachAll() {
                for (int i = 0; i < targets.size(); i++) {
                    Target target = targets.get(i);
                    plugin.delete(container(i), target.namespace(), target.uid());
                }
            }

            private String container(int number) {
                return "bench-" + generation + "-" + number;
            }
        }
    }
}

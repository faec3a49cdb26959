package io.pilus.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** C10: the agent of a large cluster's node is killed and started again while its pods talk. */
final class RestartGate implements Gate {

    private static final String PILUS = "Pilus";

    /** Conversations that policy allows, and as many that it does not. */
    private static final int PAIRS = 6;

    @Override
    public String id() {
        return "C10";
    }

    @Override
    public String title() {
        return "an agent killed and started again, %,d nodes, %,d pods, %,d policies"
                .formatted(LargeCluster.NODES, LargeCluster.PODS, LargeCluster.POLICIES);
    }

    @Override
    public Outcome measure(Run run) {
        run.clusters().close();
        run.progress().begin("starting etcd and one node");
        try (LargeCluster cluster = LargeCluster.start("pbstart", 204, run)) {
            run.progress().begin("writing the cluster's state");
            cluster.putPolicies();
            cluster.putNodes(1, LargeCluster.NODES);
            run.progress().begin("starting the agent for the first time, and attaching its pods");
            cluster.startAgent();
            var restarts = new Restarts(run, cluster, cluster.attach());
            run.progress().begin("killing and starting the agent");
            Series series = Rounds.run(List.of(restarts), run.rounds(), run.progress());
            return restarts.outcome(series);
        }
    }

    private static final class Restarts implements Rounds.Variant {

        private final LargeCluster cluster;
        private final List<String> command = new ArrayList<>();
        private final double[] sums = new double[9];

        Restarts(Run run, LargeCluster cluster, List<LargeCluster.Attached> pods) {
            this.cluster = cluster;
            command.add(run.tools().converse().toString());
            for (int i = 0; i < PAIRS; i++) {
                add("allowed", pods.get(i + 1), pods.get(i));
                add("forbidden", pods.get(i + 15), pods.get(i + 8));
            }
        }

        private void add(String how, LargeCluster.Attached client, LargeCluster.Attached server) {
            command.addAll(List.of(
                    how,
                    client.namespace().toString(),
                    server.namespace().toString(),
                    server.ipv4(),
                    Integer.toString(LargeCluster.port())));
        }

        @Override
        public String name() {
            return PILUS;
        }

        @Override
        public Map<String, Double> measure(int cpu) {
            try {
                Process talk = new ProcessBuilder(command)
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
                try (BufferedReader output = talk.inputReader()) {
                    if (!"talking".equals(output.readLine())) {
                        throw new IllegalStateException("the pods do not talk; it says why above");
                    }
                    cluster.node().agent().kill();
                    Duration ready = cluster.startAgent();
                    double used = cpuSeconds(cluster.node().agent().pid());
                    Thread.sleep(500);
                    talk.outputWriter().close();
                    double[] now = Arrays.stream(output.readLine().split(" ", -1))
                            .mapToDouble(Double::parseDouble)
                            .toArray();
                    for (int i = 0; i < sums.length; i++) {
                        sums[i] += now[i];
                    }
                    return Map.of("ready", ready.toNanos() / 1e9, "cpu", used);
                } finally {
                    talk.destroy();
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted", e);
            }
        }

        Outcome outcome(Series series) {
            return new Outcome(
                    List.of(
                            Figure.atMost(3, series.of(PILUS, "ready"), "s until ready"),
                            count(sums[1] + sums[3], "packets lost"),
                            count(sums[6], "connections reset"),
                            count(sums[8], "forbidden packets delivered")),
                    List.of(
                            Table.of("from starting the process to its being ready", "s", series, "ready"),
                            Table.of("what it used of the CPUs until then", "s", series, "cpu")),
                    List.of(
                            "One real node with %d pods; of the others etcd has what the services would have written. The agent is killed (-9) while %d pairs of its pods talk, and %d that policy forbids try to."
                                    .formatted(LargeCluster.PODS_EACH, PAIRS, PAIRS),
                            "Sent meanwhile: %,.0f datagrams on connections that were there, %,.0f first ones of new connections, %,.0f segments (%.0f of them again), %,.0f that are forbidden. Lost of the first %.0f, of the second %.0f."
                                    .formatted(sums[0], sums[2], sums[4], sums[5], sums[7], sums[1], sums[3])));
        }

        private static double cpuSeconds(long pid) {
            return ProcessHandle.of(pid)
                    .flatMap(process -> process.info().totalCpuDuration())
                    .map(used -> used.toNanos() / 1e9)
                    .orElse(Double.NaN);
        }

        private static Figure count(double number, String what) {
            return Figure.atMost(0, new Spread(number, number, number), what);
        }
    }
}

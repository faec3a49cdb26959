package io.pilus.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * C8: what an agent's process holds of the machine's memory: with nothing to know, with half of the other nodes' pods, and with
 * all of them. Each time another agent starts with an empty disk and an empty kernel side and reads all of it from etcd.
 */
final class MemoryGate implements Gate {

    private static final String IDLE = "idle";
    private static final String HALF = "half of the nodes and pods";
    private static final String ALL = "all of them";

    /** What is resident does not vary much. */
    private static final int ENOUGH = 3;

    private static final double MIB = 1 << 20;
    private static final ObjectMapper JSON = new ObjectMapper();

    @Override
    public String id() {
        return "C8";
    }

    @Override
    public String title() {
        return "memory of an agent, %,d nodes, %,d pods, %,d policies"
                .formatted(LargeCluster.NODES, LargeCluster.PODS, LargeCluster.POLICIES);
    }

    @Override
    public Outcome measure(Run run) {
        run.clusters().close();
        List<Map<String, Map<String, Double>>> rounds = new ArrayList<>();
        int count = Math.min(ENOUGH, run.rounds());
        run.progress().begin("starting etcd and one node");
        try (LargeCluster cluster = LargeCluster.start("pbmemory", 202, run)) {
            Map<String, List<Map<String, Double>>> samples = new LinkedHashMap<>();
            samples.put(IDLE, measure(cluster, count, 0, IDLE, run));
            cluster.putPolicies();
            cluster.putNodes(1, LargeCluster.NODES / 2);
            samples.put(HALF, measure(cluster, count, LargeCluster.NODES / 2, HALF, run));
            cluster.putNodes(LargeCluster.NODES / 2, LargeCluster.NODES);
            samples.put(ALL, measure(cluster, count, LargeCluster.NODES, ALL, run));
            for (int i = 0; i < count; i++) {
                Map<String, Map<String, Double>> round = new LinkedHashMap<>();
                for (Map.Entry<String, List<Map<String, Double>>> sample : samples.entrySet()) {
                    round.put(sample.getKey(), sample.getValue().get(i));
                }
                rounds.add(round);
            }
        }
        var series = new Series(rounds);
        return new Outcome(
                List.of(
                        Figure.atMost(192, series.of(ALL, "rss"), "MiB"),
                        Figure.atMost(110, series.of(IDLE, "rss"), "MiB idle"),
                        Figure.atMost(2048, perPod(series), "bytes a remote pod")),
                List.of(
                        Table.of("resident (RSS)", "MiB", series, "rss"),
                        Table.of("resident, shared pages by halves (PSS)", "MiB", series, "pss"),
                        Table.of("live objects, after a collection", "MiB", series, "live"),
                        Table.of("BPF maps of the node, beside it", "MiB", series, "maps")),
                List.of(
                        "One real node with %d workloads; of the others etcd has what the services would have written. The agent starts with nothing on disk and in the kernel, and is measured when it is ready and has been left alone for 8 s."
                                .formatted(LargeCluster.PODS_EACH),
                        "%,d identities with %d policies each, %,d peer sets; a pod has an IPv4 and an IPv6 address. Bytes a remote pod: the difference of live objects between half and all, its share of a node's keys included."
                                .formatted(
                                        LargeCluster.IDENTITIES, LargeCluster.POLICIES_EACH, LargeCluster.IDENTITIES)));
    }

    private static Spread perPod(Series series) {
        double pods = LargeCluster.PODS / 2.0;
        return Spread.of(series.rounds().stream()
                .map(round -> (value(round, ALL) - value(round, HALF)) * MIB / pods)
                .toList());
    }

    private static double value(Map<String, Map<String, Double>> round, String variant) {
        return round.getOrDefault(variant, Map.of()).getOrDefault("live", Double.NaN);
    }

    private static List<Map<String, Double>> measure(LargeCluster cluster, int count, int nodes, String what, Run run) {
        run.progress().begin("starting an agent: " + what);
        List<Map<String, Double>> samples = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            clear(cluster.node().directory().resolve("state"));
            clear(cluster.node().directory().resolve("bpf"));
            cluster.startAgent();
            int expected = nodes == 0 ? 2 : 2 * nodes + 2 * (nodes - 1) * LargeCluster.PODS_EACH;
            if (cluster.entries("destinations") < expected) {
                throw new IllegalStateException("the kernel has %d destinations where %d are due"
                        .formatted(cluster.entries("destinations"), expected));
            }
            pause();
            long pid = cluster.node().agent().pid();
            Map<String, Double> sample = new LinkedHashMap<>();
            sample.put("rss", smaps(pid, "Rss:"));
            sample.put("pss", smaps(pid, "Pss:"));
            sample.put("maps", maps(cluster.node().directory().resolve("bpf")));
            sample.put("live", live(pid));
            samples.add(sample);
            cluster.node().agent().kill();
        }
        return samples;
    }

    private static void pause() {
        try {
            Thread.sleep(8_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    private static double smaps(long pid, String field) {
        try (Stream<String> lines = Files.lines(Path.of("/proc", Long.toString(pid), "smaps_rollup"))) {
            return lines.filter(line -> line.startsWith(field))
                    .mapToDouble(line -> Double.parseDouble(line.replaceAll("\\D", "")) / 1024)
                    .findFirst()
                    .orElseThrow();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the heap holds when whatever is dead has gone. */
    private static double live(long pid) {
        String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
        Commands.run(jcmd, Long.toString(pid), "GC.run");
        return Commands.run(jcmd, Long.toString(pid), "GC.heap_info")
                .lines()
                .map(String::strip)
                .filter(line -> line.contains("generation") || line.startsWith("DefNew") || line.startsWith("Tenured"))
                .mapToDouble(line -> Double.parseDouble(line.replaceAll(".* used (\\d+)K.*", "$1")) / 1024)
                .sum();
    }

    private static double maps(Path bpffs) {
        try (Stream<Path> files = Files.walk(bpffs)) {
            double bytes = 0;
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                bytes += mapBytes(file);
            }
            return bytes / MIB;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** 0 for a pin that is no map. */
    private static double mapBytes(Path pin) {
        try {
            return JSON.readTree(Commands.run("bpftool", "-j", "map", "show", "pinned", pin.toString()))
                    .path("bytes_memlock")
                    .asDouble();
        } catch (CommandFailedException e) {
            return 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What a BPF file system has by itself cannot be removed, and need not be. */
    private static void clear(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                if (!file.equals(directory) && !file.toString().endsWith(".debug")) {
                    Files.delete(file);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

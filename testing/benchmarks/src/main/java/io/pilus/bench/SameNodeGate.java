package io.pilus.bench;

import io.pilus.lab.Routing;
import java.util.ArrayList;
import java.util.List;

/** D1: what Pilus costs between two pods of a node. */
final class SameNodeGate implements Gate {

    @Override
    public String id() {
        return "D1";
    }

    @Override
    public String title() {
        return "same node, request and response, policy, conntrack and counters on";
    }

    @Override
    public Outcome measure(Run run) {
        Cluster cluster = run.clusters().get(Routing.NATIVE);
        try (var peers = ReferencePaths.onOneNode(run.tools())) {
            List<PacketPath> paths = new ArrayList<>(peers.paths());
            paths.add(cluster.sameNode(Cluster.PILUS));
            List<PathRun> runs = PathRun.measureAll(run, "same node", paths);
            PathRun requests = runs.getFirst();
            return new Outcome(
                    List.of(
                            requests.atMost(1.15, Cluster.PILUS, ReferencePaths.BARE),
                            requests.atMost(1.06, Cluster.PILUS, ReferencePaths.PEER),
                            requests.atMost(0.80, Cluster.PILUS, ReferencePaths.NFTABLES)),
                    runs.stream().map(PathRun::table).toList(),
                    List.of(PathRun.METHOD, "The gate is IPv4 request and response; the rest is for comparison."));
        }
    }
}

package io.pilus.bench;

import io.pilus.bench.LoadGenerator.Exchange;
import io.pilus.bench.LoadGenerator.Family;
import io.pilus.lab.Routing;
import java.util.ArrayList;
import java.util.List;

/** D3: how fast connections between pods of two nodes are made. */
final class ConnectionsGate implements Gate {

    @Override
    public String id() {
        return "D3";
    }

    @Override
    public String title() {
        return "across nodes, native routing, new connections a second, policy on both";
    }

    @Override
    public Outcome measure(Run run) {
        Cluster cluster = run.clusters().get(Routing.NATIVE);
        try (var peers = ReferencePaths.acrossNodes(run.tools())) {
            List<PacketPath> paths = new ArrayList<>(peers.paths());
            paths.add(cluster.acrossNodes(Cluster.PILUS));
            PathRun connections =
                    PathRun.measure(run, "across nodes", paths, Exchange.CONNECT_REQUEST_RESPONSE, Family.IPV4);
            return new Outcome(
                    List.of(
                            connections.rateAtLeast(0.70, Cluster.PILUS, ReferencePaths.NODE),
                            connections.rateAtLeast(0.87, Cluster.PILUS, ReferencePaths.FORWARDING),
                            connections.rateAtLeast(1.30, Cluster.PILUS, ReferencePaths.NFTABLES)),
                    List.of(connections.table()),
                    List.of(PathRun.METHOD, "The gate compares rates, the table times."));
        }
    }
}

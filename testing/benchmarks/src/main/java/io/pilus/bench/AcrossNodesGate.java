package io.pilus.bench;

import io.pilus.bench.LoadGenerator.Exchange;
import io.pilus.bench.LoadGenerator.Family;
import io.pilus.lab.Routing;
import java.util.ArrayList;
import java.util.List;

/** D2: what Pilus costs between pods of two nodes, without a tunnel. */
final class AcrossNodesGate implements Gate {

    @Override
    public String id() {
        return "D2";
    }

    @Override
    public String title() {
        return "across nodes, native routing, request and response, policy on both";
    }

    @Override
    public Outcome measure(Run run) {
        Cluster cluster = run.clusters().get(Routing.NATIVE);
        try (var peers = ReferencePaths.acrossNodes(run.tools())) {
            List<PacketPath> paths = new ArrayList<>(peers.paths());
            paths.add(cluster.acrossNodes(Cluster.PILUS));
            PathRun requests = measure(run, paths, Exchange.REQUEST_RESPONSE, Family.IPV4);
            PathRun datagrams = measure(run, paths, Exchange.DATAGRAMS, Family.IPV4);
            PathRun six = measure(run, paths, Exchange.REQUEST_RESPONSE, Family.IPV6);
            return new Outcome(
                    List.of(
                            requests.atMost(1.38, Cluster.PILUS, ReferencePaths.NODE),
                            requests.atMost(1.10, Cluster.PILUS, ReferencePaths.FORWARDING),
                            requests.atMost(0.80, Cluster.PILUS, ReferencePaths.NFTABLES)),
                    List.of(requests.table(), datagrams.table(), six.table()),
                    List.of(PathRun.METHOD, "The gate is IPv4 request and response; the rest is for comparison."));
        }
    }

    private static PathRun measure(Run run, List<PacketPath> paths, Exchange exchange, Family family) {
        return PathRun.measure(run, "across nodes", paths, exchange, family);
    }
}

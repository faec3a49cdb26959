package io.pilus.bench;

import io.pilus.lab.Routing;
import java.util.List;

/** D8: what the tunnel costs. */
final class TunnelGate implements Gate {

    private static final String NATIVE = "Pilus, native routing";
    private static final String VXLAN = "Pilus, VXLAN";

    @Override
    public String id() {
        return "D8";
    }

    @Override
    public String title() {
        return "VXLAN against Pilus' own native routing, request and response";
    }

    @Override
    public Outcome measure(Run run) {
        List<PacketPath> paths = List.of(
                run.clusters().get(Routing.NATIVE).acrossNodes(NATIVE),
                run.clusters().get(Routing.VXLAN).acrossNodes(VXLAN));
        List<PathRun> runs = PathRun.measureAll(run, "across nodes", paths);
        return new Outcome(
                List.of(runs.getFirst().atMost(1.25, VXLAN, NATIVE)),
                runs.stream().map(PathRun::table).toList(),
                List.of(PathRun.METHOD));
    }
}

package io.pilus.bench;

import io.pilus.lab.Routing;
import java.util.EnumMap;
import java.util.Map;

/** The labs of the datapath's gates: each starts when a gate first asks for it, and serves those that follow. */
final class Clusters implements AutoCloseable {

    private final Run run;
    private final Map<Routing, Cluster> open = new EnumMap<>(Routing.class);

    Clusters(Run run) {
        this.run = run;
    }

    Cluster get(Routing routing) {
        Cluster cluster = open.get(routing);
        if (cluster == null) {
            cluster = Cluster.start(routing, run);
            open.put(routing, cluster);
        }
        return cluster;
    }

    /** Leaves the machine to what is measured next. */
    @Override
    public void close() {
        open.values().forEach(Cluster::close);
        open.clear();
    }
}

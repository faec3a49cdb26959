package io.pilus.node.route;

import io.pilus.contract.v1.RealisedError;
import io.pilus.node.NodeConfig;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.report.Realisation;
import io.pilus.node.state.Delta;
import io.pilus.node.state.NodeState;
import io.pilus.node.state.StateListener;
import jakarta.annotation.Priority;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.Map;

/** Has the datapath's addresses, ranges and the node's routes follow the cluster's view. */
@Singleton
@Priority(RouteKeeper.AFTER_POLICY)
public class RouteKeeper implements StateListener {

    static final int AFTER_POLICY = 200;

    private final NodeState state;
    private final Datapath datapath;
    private final Routes routes;
    private final Destinations destinations;
    private boolean started;

    RouteKeeper(NodeConfig config, NodeState state, Datapath datapath, Destinations destinations, AddressBook book) {
        this.state = state;
        this.datapath = datapath;
        this.destinations = destinations;
        this.routes = new Routes(
                config.name(),
                config.routing() == NodeConfig.Routing.NATIVE,
                state.cluster(),
                book,
                destinations,
                new Ranges(datapath.ranges()));
    }

    @Override
    public void loaded() {
        started = false;
        startWhenWhole();
    }

    @Override
    public void clusterChanged(Delta delta) {
        if (started) {
            routes.apply(delta);
            datapath.pools(routes.pools());
        } else {
            startWhenWhole();
        }
    }

    @Override
    public void nodeChanged(Delta delta) {
        // nothing of a node's own sub-tree leads anywhere
    }

    /** What is not as the view says, and why. Asked with the state's lock held. */
    public List<RealisedError> errors() {
        if (!started && state.cluster().whole()) {
            return List.of(RealisedError.newBuilder()
                    .setSubject("node " + state.node().node())
                    .setReason("kernel")
                    .setMessage(
                            "addresses could not be brought into the kernel; the agent's log says why. It tries again")
                    .build());
        }
        return routes.errors();
    }

    /** How full the maps are. */
    public Map<String, Realisation.Fill> fill() {
        return Map.of(
                "destinations", new Realisation.Fill(destinations.size(), destinations.capacity()),
                "ranges", new Realisation.Fill(routes.rangeCount(), routes.rangeCapacity()));
    }

    private void startWhenWhole() {
        if (!started && state.cluster().whole()) {
            routes.start();
            datapath.pools(routes.pools());
            started = true;
        }
    }

    /** Beans of this package. */
    static class Beans {

        @Produces
        @Singleton
        Destinations destinations(Datapath datapath) {
            return new Destinations(datapath.destinations());
        }

        @Produces
        @Singleton
        AddressBook book() {
            return new AddressBook();
        }
    }
}

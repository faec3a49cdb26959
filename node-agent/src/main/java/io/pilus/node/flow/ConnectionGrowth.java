package io.pilus.node.flow;

import io.pilus.node.NodeConfig;
import io.pilus.node.datapath.Connection;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.MapFullException;
import io.pilus.node.datapath.TypedMap;
import io.quarkus.logging.Log;
import jakarta.inject.Singleton;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Gives connections a larger table before the one in use is full, and moves them there (docs/decisions/0008). Each is in at least
 * one of the two tables at any moment, and what the larger one says of it counts. Not safe for several threads.
 */
@Singleton
class ConnectionGrowth {

    private static final int FACTOR = 4;

    private final NodeConfig config;
    private final Datapath datapath;

    ConnectionGrowth(NodeConfig config, Datapath datapath) {
        this.config = config;
        this.datapath = datapath;
    }

    /** Does what there is to do: goes on with a growth, also one that an earlier life of the agent began, or begins one. */
    void tend() {
        Optional<TypedMap<Connection.Key, Connection>> draining = datapath.drainingConnections();
        TypedMap<Connection.Key, Connection> inUse = datapath.connections();
        if (draining.isEmpty() && inUse.capacity() < config.maxConnections() && inUse.count() > inUse.capacity() / 2) {
            int capacity = (int) Math.min(config.maxConnections(), (long) inUse.capacity() * FACTOR);
            datapath.growConnections(capacity);
            Log.infof(
                    "the table of connections grew from %d to %d entries",
                    (Object) inUse.capacity(), (Object) capacity);
            draining = datapath.drainingConnections();
        }
        draining.ifPresent(from -> {
            // what a flood pushed aside before the agent looked has room again
            move(datapath.overflowingConnections(), datapath.connections());
            if (move(from, datapath.connections())) {
                datapath.drained();
            }
        });
    }

    /**
     * @return whether nothing is left
     */
    private static boolean move(TypedMap<Connection.Key, Connection> from, TypedMap<Connection.Key, Connection> to) {
        if (to.count() >= to.capacity()) {
            return false;
        }
        int now = ConnectionSweeper.now();
        var left = new AtomicInteger();
        from.forEach((key, seen) -> {
            if (!move(key, seen, from, to, now)) {
                left.incrementAndGet();
            }
        });
        return left.get() == 0;
    }

    private static boolean move(
            Connection.Key key,
            Connection seen,
            TypedMap<Connection.Key, Connection> from,
            TypedMap<Connection.Key, Connection> to,
            int now) {
        Connection connection = from.get(key).orElse(null);
        if (connection == null) {
            return true;
        }
        if (ConnectionSweeper.isOver(key, connection, now)) {
            from.remove(key);
            return true;
        }
        if (!connection.isJudgedLike(seen)) {
            return false; // it may have been read while it was written
        }
        try {
            boolean added = to.putIfAbsent(key, connection);
            if (!from.remove(key) && added) {
                to.remove(key); // it was reset meanwhile
            }
            return true;
        } catch (MapFullException e) {
            return false;
        }
    }
}

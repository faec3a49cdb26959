package io.pilus.node.flow;

import io.pilus.node.datapath.Connection;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.TypedMap;
import jakarta.inject.Singleton;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * Removes connections whose lifetime is over. The datapath already treats them as gone ({@code bpf/lib/conntrack.h}
 * has the same lifetimes); this only gives their memory back, in every table that connections may be in. For the
 * thread of {@link ConnectionGrowth}, which closes tables.
 */
@Singleton
class ConnectionSweeper {

    private static final int TCP = 6;

    private final Datapath datapath;

    ConnectionSweeper(Datapath datapath) {
        this.datapath = datapath;
    }

    /**
     * @return how many were removed
     */
    int sweep() {
        return Stream.of(
                        Optional.of(datapath.connections()),
                        datapath.drainingConnections(),
                        Optional.of(datapath.overflowingConnections()))
                .flatMap(Optional::stream)
                .mapToInt(ConnectionSweeper::sweep)
                .sum();
    }

    private static int sweep(TypedMap<Connection.Key, Connection> connections) {
        int now = now();
        var removed = new AtomicInteger();
        connections.forEach((key, connection) -> {
            if (isOver(key, connection, now) && connections.remove(key)) {
                removed.incrementAndGet();
            }
        });
        return removed.get();
    }

    /** CLOCK_MONOTONIC, as bpf_ktime_get_ns, in units of 2^30 ns. */
    static int now() {
        return (int) (System.nanoTime() >> 30);
    }

    static boolean isOver(Connection.Key key, Connection connection, int now) {
        // signed, as a packet may have passed since now was read
        return now - connection.seen() > lifetime(key, connection);
    }

    private static int lifetime(Connection.Key key, Connection connection) {
        if ((connection.flags() & Connection.CLOSING) != 0) {
            return 10;
        }
        if ((connection.flags() & Connection.REPLIED) == 0) {
            return 60;
        }
        return key.protocol() == TCP ? 21_600 : 180;
    }
}

package io.pilus.node.flow;

import com.google.protobuf.ByteString;
import io.pilus.node.datapath.Connection;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.HeldConnections;
import io.pilus.node.datapath.TypedMap;
import io.pilus.node.endpoint.Attachment;
import io.pilus.node.endpoint.Endpoints;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * Removes connections whose lifetime is over. The datapath already treats them as gone ({@code bpf/lib/conntrack.h}
 * has the same lifetimes); this only gives their memory back, in every table that connections may be in, and what they took of their
 * endpoint's share. For the thread of {@link ConnectionGrowth}, which closes tables.
 */
@Singleton
class ConnectionSweeper {

    private static final int TCP = 6;
    private static final HeldConnections NONE = new HeldConnections(0, 0);
    private static final HeldConnections OPENED = new HeldConnections(1, 0);
    private static final HeldConnections RECEIVED = new HeldConnections(0, 1);

    private final Datapath datapath;
    private final Endpoints endpoints;

    ConnectionSweeper(Datapath datapath, Endpoints endpoints) {
        this.datapath = datapath;
        this.endpoints = endpoints;
    }

    /**
     * @return how many were removed
     */
    int sweep() {
        TypedMap<Integer, HeldConnections> shares = datapath.heldConnections();
        Map<ByteString, Integer> numbers = new HashMap<>();
        Map<Integer, HeldConnections> before = new HashMap<>();
        for (Attachment attachment : endpoints.all()) {
            attachment.addresses().forEach(address -> numbers.put(address, attachment.number()));
            before.put(attachment.number(), shares.get(attachment.number()).orElse(NONE));
        }
        Map<Integer, HeldConnections> held = new HashMap<>();
        int removed = Stream.of(Optional.of(datapath.connections()), datapath.drainingConnections())
                .flatMap(Optional::stream)
                .mapToInt(table -> sweep(table, numbers, held))
                .sum();
        // what came meanwhile may be counted twice, until the next time
        before.forEach((number, then) -> shares.put(
                number,
                held.getOrDefault(number, NONE)
                        .plus(shares.get(number).orElse(then).since(then))));
        return removed + sweep(datapath.overflowingConnections(), Map.of(), new HashMap<>());
    }

    private static int sweep(
            TypedMap<Connection.Key, Connection> connections,
            Map<ByteString, Integer> numbers,
            Map<Integer, HeldConnections> held) {
        int now = now();
        var removed = new AtomicInteger();
        connections.forEach((key, connection) -> {
            if (isOver(key, connection, now) && connections.remove(key)) {
                removed.incrementAndGet();
            } else {
                charge(key, connection, numbers, held);
            }
        });
        return removed.get();
    }

    /** CLOCK_MONOTONIC, as bpf_ktime_get_ns, in units of 2^30 ns. */
    static int now() {
        return (int) (System.nanoTime() >> 30);
    }

    /** As the datapath did: to who opened it, or to its receiver where that one is not of this node. */
    private static void charge(
            Connection.Key key,
            Connection connection,
            Map<ByteString, Integer> numbers,
            Map<Integer, HeldConnections> held) {
        boolean high = (connection.flags() & Connection.OPENED_BY_HIGH) != 0;
        Integer opener = numbers.get(high ? key.high() : key.low());
        Integer receiver = numbers.get(high ? key.low() : key.high());
        if (opener != null) {
            held.merge(opener, OPENED, HeldConnections::plus);
        } else if (receiver != null) {
            held.merge(receiver, RECEIVED, HeldConnections::plus);
        }
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

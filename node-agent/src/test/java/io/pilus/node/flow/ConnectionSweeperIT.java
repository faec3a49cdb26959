package io.pilus.node.flow;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.node.datapath.Connection;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.HeldConnections;
import io.pilus.node.datapath.MapsFixture;
import io.pilus.node.datapath.TypedMap;
import io.pilus.node.testing.TestNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ConnectionSweeperIT {

    private static final ByteString A = Prefixes.parseAddress("10.200.0.1");
    private static final ByteString B = Prefixes.parseAddress("10.200.0.2");
    private static final int TCP = 6;
    private static final int UDP = 17;

    private final TestNode node = new TestNode();
    private final Datapath datapath = node.datapath();
    private final FixedEndpoints endpoints = new FixedEndpoints();

    /**
     * A connection for which no packet has come for so long.
     *
     * @param idle in units of 2^30 ns
     */
    private record Case(int protocol, int flags, int idle, boolean over) {}

    private static final List<Case> CASES = List.of(
            new Case(TCP, Connection.REPLIED, 21_590, false),
            new Case(TCP, Connection.REPLIED, 21_610, true),
            new Case(UDP, Connection.REPLIED, 170, false),
            new Case(UDP, Connection.REPLIED, 190, true),
            new Case(TCP, 0, 50, false),
            new Case(TCP, 0, 70, true),
            new Case(UDP, 0, 50, false),
            new Case(UDP, 0, 70, true),
            new Case(TCP, Connection.REPLIED | Connection.CLOSING, 2, false),
            new Case(TCP, Connection.REPLIED | Connection.CLOSING, 20, true),
            new Case(TCP, Connection.CLOSING, -1, false));

    @AfterEach
    void close() {
        node.close();
    }

    @Test
    void whatIsOverGoesFromEveryTableAndWhatIsNotStays() throws IOException {
        try (var older = new MapsFixture(Map.of())) {
            datapath.map("ct_v1").update(u32(1), u32(older.map("ct_current_v1").descriptor()));
            List<TypedMap<Connection.Key, Connection>> tables = new ArrayList<>();
            tables.add(datapath.connections());
            tables.add(datapath.drainingConnections().orElseThrow());
            tables.add(datapath.overflowingConnections());
            tables.forEach(ConnectionSweeperIT::fill);

            int removed = new ConnectionSweeper(datapath, endpoints).sweep();

            Set<Case> staying = CASES.stream().filter(one -> !one.over()).collect(Collectors.toSet());
            assertThat(tables).allSatisfy(table -> assertThat(cases(table)).isEqualTo(staying));
            assertThat(removed).isEqualTo(tables.size() * (CASES.size() - staying.size()));
        }
    }

    @Test
    void aNodeWhoseTableNeverGrewHasNoneToDrain() {
        assertThat(datapath.drainingConnections()).isEmpty();
        fill(datapath.connections());

        assertThat(new ConnectionSweeper(datapath, endpoints).sweep())
                .isEqualTo((int) CASES.stream().filter(Case::over).count());
    }

    @Test
    void whatAWorkloadHoldsOfTheTableIsCountedAnew() {
        ByteString outside = Prefixes.parseAddress("198.51.100.1");
        endpoints.add(7, A);
        endpoints.add(8, B);
        int now = (int) (System.nanoTime() >> 30);
        var live = new Connection(0, 0, 300, 301, now, 0, 1, 0, 100, 0);
        var byHigh = new Connection(0, 0, 300, 301, now, Connection.OPENED_BY_HIGH, 1, 0, 100, 0);
        var over = new Connection(0, 0, 300, 301, now - 100, 0, 1, 0, 100, 0);
        for (int port = 0; port < 10; port++) {
            datapath.connections().put(new Connection.Key(A, outside, port, 80, UDP, 0), live);
            datapath.connections().put(new Connection.Key(A, B, port, 80, UDP, 0), port < 4 ? live : byHigh);
            datapath.connections().put(new Connection.Key(B, outside, port, 80, UDP, 0), port < 7 ? byHigh : over);
            datapath.overflowingConnections().put(new Connection.Key(A, outside, port, 90, UDP, 0), live);
        }
        datapath.heldConnections().put(7, new HeldConnections(60_000, 60_000));

        new ConnectionSweeper(datapath, endpoints).sweep();

        assertThat(datapath.heldConnections().get(7)).contains(new HeldConnections(14, 0));
        assertThat(datapath.heldConnections().get(8)).contains(new HeldConnections(6, 7));
    }

    private static void fill(TypedMap<Connection.Key, Connection> table) {
        int now = (int) (System.nanoTime() >> 30);
        for (int i = 0; i < CASES.size(); i++) {
            Case one = CASES.get(i);
            table.put(
                    new Connection.Key(A, B, i, 80, one.protocol(), 0),
                    new Connection(0, 0, 300, 301, now - one.idle(), one.flags(), 1, 0, 100, 0));
        }
    }

    private static Set<Case> cases(TypedMap<Connection.Key, Connection> table) {
        return table.entries().keySet().stream()
                .map(key -> CASES.get(key.lowPort()))
                .collect(Collectors.toSet());
    }

    private static byte[] u32(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.nativeOrder())
                .putInt(value)
                .array();
    }
}

package io.pilus.node.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.pilus.libbpf.BpfException;
import io.pilus.libbpf.BpfMap;
import io.pilus.node.NodeConfig;
import io.pilus.node.datapath.Connection;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.Overflow;
import io.pilus.node.datapath.TypedMap;
import io.pilus.node.endpoint.TestAgent;
import io.pilus.node.testing.Conversations;
import io.pilus.node.testing.TestNode;
import io.pilus.node.testing.TestPod;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ConnectionGrowthIT {

    private static final Duration LONG = Duration.ofSeconds(60);
    private static final int CONVERSATIONS = 20;
    private static final int FIRST = 2048;
    private static final int LARGEST = 32_768;
    private static final String[] SETTINGS = {
        "connection-rate", "0", "initial-connections", String.valueOf(FIRST), "max-connections", String.valueOf(LARGEST)
    };

    private final TestNode node = new TestNode();
    private final NodeConfig config = node.config(SETTINGS);
    private final TestPod one = new TestPod();
    private final TestPod two = new TestPod();
    private TestAgent agent;
    private InetAddress target;

    /** How far an agent came with a growth before it died. */
    enum Step {
        OLD_ONE_IN_BOTH_SLOTS,
        LARGER_ONE_IN_PLACE,
        PINNED,
        PARTLY_MOVED
    }

    @BeforeEach
    void attach() {
        agent = new TestAgent(node, SETTINGS);
        agent.attach(one, TestAgent.OPEN);
        target = agent.attach(two, TestAgent.ALSO_OPEN);
        agent.silence();
    }

    @AfterEach
    void close() {
        one.close();
        two.close();
        node.close();
    }

    @Test
    void conversationsLiveOnWhileTheirTableGrowsUnderAFlood() throws IOException {
        var growth = new ConnectionGrowth(config, agent.datapath());
        try (var conversations = new Conversations(one.namespace(), two.namespace(), target, CONVERSATIONS);
                var timer = Executors.newSingleThreadScheduledExecutor()) {
            awaitRounds(conversations, 5);
            int old = tableId(agent.datapath(), 0);
            var _ = timer.scheduleWithFixedDelay(growth::tend, 0, 10, TimeUnit.MILLISECONDS);

            for (int chunk = 0; chunk < 13; chunk++) {
                flood(1000 + chunk * 1000, FIRST / 2 - CONVERSATIONS);
                await().atMost(LONG).until(() -> hasRoom(agent.datapath()));
            }

            await().atMost(LONG).untilAsserted(() -> {
                assertThat(agent.datapath().connections().capacity()).isEqualTo(LARGEST);
                assertThat(agent.datapath().drainingConnections()).isEmpty();
            });
            awaitRounds(conversations, conversations.rounds() + 5);
            assertThat(conversations.lost()).isEmpty();
            TypedMap<Connection.Key, Connection> table = agent.datapath().connections();
            assertThat(table.count())
                    .isGreaterThan(13_000)
                    .isEqualTo(table.entries().size());
            assertThat(agent.datapath().overflowedConnections(Overflow.TABLE_FULL))
                    .isZero();
            await().atMost(LONG).until(() -> isGone(old));
            conversations.end();
            long rounds = conversations.rounds();
            Map<Integer, Connection> entries = entries(table);
            assertThat(conversations.ports())
                    .allSatisfy(port -> assertThat(entries.get(port))
                            .isNotNull()
                            .satisfies(entry -> {
                                // one may go uncounted in each of two moves
                                assertThat(entry.packetsFromOpener()).isBetween(rounds - 2, rounds);
                                assertThat(entry.packetsFromReceiver()).isBetween(rounds - 2, rounds);
                            }));
            CaseBook.open()
                    .write(FaultCase.of(Chapter.GROWTH, "the table of connections fills")
                            .done(
                                    "20 conversations that only their entries allow to be answered; 13,000 new tuples, table for"
                                            + " 2,048: it grows to 8,192 and 32,768, and its entries move")
                            .times(2)
                            .lost("no answer")
                            .guard(
                                    "the old table stays in the second slot until everything is moved: emptied at once, one run"
                                            + " lost three answers, another 5,500 of the 13,000 entries"));
        }
    }

    @ParameterizedTest
    @EnumSource
    void anAgentThatDiedInTheMiddleOfAGrowthIsFollowedByOneThatEndsIt(Step step) throws IOException {
        try (var conversations = new Conversations(one.namespace(), two.namespace(), target, CONVERSATIONS)) {
            awaitRounds(conversations, 5);
            flood(1000, 500);
            int before = agent.datapath().connections().count();
            int old = tableId(agent.datapath(), 0);
            die(step);

            Datapath next = node.datapath(SETTINGS);
            boolean begun = step != Step.OLD_ONE_IN_BOTH_SLOTS;
            assertThat(next.drainingConnections().isPresent()).isEqualTo(begun);
            assertThat(pinned().id()).isEqualTo(tableId(next, 0));
            awaitRounds(conversations, conversations.rounds() + 5);
            new ConnectionGrowth(config, next).tend();

            assertThat(next.drainingConnections()).isEmpty();
            assertThat(next.connections().capacity()).isEqualTo(begun ? LARGEST : FIRST);
            assertThat(next.connections().count()).isEqualTo(before);
            int current = tableId(next, 0);
            assertThat(tableId(node.datapath(SETTINGS), 0))
                    .as("started once more")
                    .isEqualTo(current);
            awaitRounds(conversations, conversations.rounds() + 5);
            assertThat(conversations.lost()).isEmpty();
            assertThat(begun).isEqualTo(current != old);
            CaseBook.open()
                    .write(FaultCase.of(
                                    Chapter.GROWTH,
                                    "an agent dies while the table of connections grows, "
                                            + step.name()
                                                    .toLowerCase(Locale.ROOT)
                                                    .replace('_', ' '))
                            .done("20 conversations go on; another agent starts on what is there, and once more")
                            .times(1)
                            .lost("no answer, no entry")
                            .guard(
                                    "what the slots say is put right at the start: without that, the agents that died before the"
                                            + " pin was replaced left a table or a pin that was not the one in use"));
        }
    }

    private void die(Step step) {
        Datapath datapath = agent.datapath();
        BpfMap before = pinned();
        BpfMap array = datapath.map("ct_v1");
        switch (step) {
            case OLD_ONE_IN_BOTH_SLOTS -> array.update(u32(1), u32(before.descriptor()));
            case LARGER_ONE_IN_PLACE -> {
                array.update(u32(1), u32(before.descriptor()));
                try (BpfMap larger = before.emptyCopy(LARGEST)) {
                    array.update(u32(0), u32(larger.descriptor()));
                }
            }
            case PINNED -> datapath.growConnections(LARGEST);
            case PARTLY_MOVED -> {
                datapath.growConnections(LARGEST);
                var from = datapath.drainingConnections().orElseThrow();
                from.entries().entrySet().stream().limit(100).forEach(entry -> {
                    datapath.connections().put(entry.getKey(), entry.getValue());
                    if (entry.getKey().lowPort() % 2 == 0) {
                        from.remove(entry.getKey());
                    }
                });
            }
        }
    }

    /** So many new tuples. */
    private void flood(int firstPort, int tuples) throws IOException {
        try (DatagramSocket socket = one.namespace().call(DatagramSocket::new)) {
            for (int port = firstPort; port < firstPort + tuples; port++) {
                socket.send(new DatagramPacket(new byte[1], 1, target, port));
            }
        }
    }

    private static void awaitRounds(Conversations conversations, int rounds) {
        await().atMost(LONG)
                .until(() -> conversations.rounds() >= rounds
                        || !conversations.lost().isEmpty());
    }

    private static boolean hasRoom(Datapath datapath) {
        return datapath.drainingConnections().isEmpty()
                && datapath.connections().count() <= datapath.connections().capacity() / 2;
    }

    /** By the client's port. */
    private static Map<Integer, Connection> entries(TypedMap<Connection.Key, Connection> table) {
        return table.entries().entrySet().stream()
                .filter(entry -> entry.getKey().lowPort() == 7 || entry.getKey().highPort() == 7)
                .collect(Collectors.toMap(
                        entry -> entry.getKey().lowPort() + entry.getKey().highPort() - 7, Map.Entry::getValue));
    }

    private BpfMap pinned() {
        return BpfMap.pinned(Path.of(config.bpffs().toString(), "maps", "ct_current_v1"));
    }

    private static int tableId(Datapath datapath, int slot) {
        return ByteBuffer.wrap(datapath.map("ct_v1").lookup(u32(slot)).orElseThrow())
                .order(ByteOrder.nativeOrder())
                .getInt();
    }

    private static boolean isGone(int id) {
        try (BpfMap _ = BpfMap.byId(id)) {
            return false;
        } catch (BpfException e) {
            return true;
        }
    }

    private static byte[] u32(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.nativeOrder())
                .putInt(value)
                .array();
    }
}

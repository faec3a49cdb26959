package io.pilus.node.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.pilus.libbpf.BpfException;
import io.pilus.libbpf.BpfMap;
import io.pilus.node.NodeConfig;
import io.pilus.node.endpoint.TestAgent;
import io.pilus.node.testing.Conversations;
import io.pilus.node.testing.TestNode;
import io.pilus.node.testing.TestPod;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MapGrowthIT {

    private static final Duration LONG = Duration.ofSeconds(90);
    private static final int CONVERSATIONS = 10;

    /** Of keys that a test fills a map with, and of those that come and go meanwhile. */
    private static final int FILLING = 1_000_000;

    private static final int CHURN = 2_000_000;

    private final TestNode node = new TestNode();
    private final NodeConfig config = node.config();
    private final TestPod one = new TestPod();
    private final TestPod two = new TestPod();
    private TestAgent agent;
    private InetAddress target;

    @BeforeEach
    void attach() {
        agent = new TestAgent(node);
        agent.attach(one, TestAgent.OPEN);
        target = agent.attach(two, TestAgent.ALSO_OPEN);
    }

    @AfterEach
    void close() {
        one.close();
        two.close();
        node.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "endpoints_v1",
                "destinations_v1",
                "ranges_v1",
                "tables_v1",
                "peer_classes_v1",
                "address_classes_v1",
                "port_classes_v1",
                "cells_v1"
            })
    void aFullMapGrowsUnderTrafficAndUnderTheHandsOfOtherWriters(String name) throws Exception {
        BpfMap map = agent.datapath().map(name);
        int capacity = map.maxEntries();
        int old = map.id();
        int before = map.entries().size();
        var ended = new AtomicBoolean();
        var churned = new HashSet<Integer>();
        try (var conversations = new Conversations(one.namespace(), two.namespace(), target, CONVERSATIONS)) {
            awaitRounds(conversations, 5);
            Thread churn = Thread.ofPlatform().start(() -> churn(map, churned, ended));

            map.updateAll(IntStream.range(0, capacity)
                    .mapToObj(number -> new BpfMap.Entry(key(map, FILLING, number), new byte[map.valueSize()]))
                    .toList());

            agent.silence();
            awaitRounds(conversations, conversations.rounds() + 5);
            ended.set(true);
            churn.join();
            assertThat(map.maxEntries()).isEqualTo(capacity * 4);
            assertThat(numbers(map, FILLING)).hasSize(capacity);
            assertThat(numbers(map, CHURN)).isEqualTo(churned);
            assertThat(map.entries()).hasSizeGreaterThanOrEqualTo(before + capacity + churned.size());
            await().atMost(LONG)
                    .untilAsserted(() -> assertThat(isGone(old))
                            .as("no program reads the small map any more")
                            .isTrue());

            Datapath next = node.datapath();
            assertThat(next.map(name).id()).as("what another agent finds").isEqualTo(map.id());
            awaitRounds(conversations, conversations.rounds() + 5);
            assertThat(conversations.lost()).isEmpty();
        }
        CaseBook.open()
                .write(
                        FaultCase.of(Chapter.GROWTH, "a map that only the agent writes is full: " + name)
                                .done(
                                        "one more than its %,d entries, while 10 conversations go on and another thread writes"
                                                .formatted(capacity))
                                .times(1)
                                .lost("no answer, no entry")
                                .guard(
                                        "nobody writes from the first copied entry until the last program reads the copy; taken out, this still"
                                                + " passed for four maps of four, as who adds to a full map waits for its growth anyway"));
    }

    @Test
    void anAgentThatDiedBeforeTheLargerCopyWasPinnedIsFollowedByOneThatGoesBackToTheFirst() throws IOException {
        Path pin = config.bpffs().resolve("maps/endpoints_v1");
        BpfMap map = agent.datapath().map("endpoints_v1");
        int capacity = map.maxEntries();
        try (var conversations = new Conversations(one.namespace(), two.namespace(), target, CONVERSATIONS);
                BpfMap small = BpfMap.pinned(pin)) {
            awaitRounds(conversations, 5);
            map.updateAll(IntStream.range(0, capacity)
                    .mapToObj(number -> new BpfMap.Entry(key(map, FILLING, number), new byte[map.valueSize()]))
                    .toList());
            int larger = map.id();
            Files.delete(pin);
            small.pin(pin);

            Datapath next = node.datapath();

            assertThat(next.map("endpoints_v1").id()).isEqualTo(small.id()).isNotEqualTo(larger);
            awaitRounds(conversations, conversations.rounds() + 5);
            BpfMap again = next.map("endpoints_v1");
            again.update(key(again, FILLING, capacity), new byte[again.valueSize()]);
            again.update(key(again, FILLING, capacity + 1), new byte[again.valueSize()]);
            again.update(key(again, FILLING, capacity + 2), new byte[again.valueSize()]);
            assertThat(again.maxEntries()).isEqualTo(4 * capacity);
            awaitRounds(conversations, conversations.rounds() + 5);
            assertThat(conversations.lost()).isEmpty();
        }
        CaseBook.open()
                .write(FaultCase.of(Chapter.GROWTH, "an agent dies before the larger copy of a map is pinned")
                        .done(
                                "programs read the copy, the pin names the first; another agent starts; 10 conversations go on")
                        .times(1)
                        .lost("no answer, no entry")
                        .guard("nobody writes before the copy is pinned, so both say the same"));
    }

    /** Puts and removes at random until it is told to end. */
    private static void churn(BpfMap map, Set<Integer> there, AtomicBoolean ended) {
        var random = new Random(7);
        while (!ended.get()) {
            int number = random.nextInt(100);
            if (random.nextBoolean()) {
                map.update(key(map, CHURN, number), new byte[map.valueSize()]);
                there.add(number);
            } else {
                assertThat(map.delete(key(map, CHURN, number))).isEqualTo(there.remove(number));
            }
        }
    }

    /** One that means nothing to the programs: of a table, an interface or an address that there is not. */
    private static byte[] key(BpfMap map, int family, int number) {
        ByteBuffer key = ByteBuffer.allocate(map.keySize()).order(ByteOrder.nativeOrder());
        int at = 0;
        if (isTrie(map)) {
            key.putInt(0, (map.keySize() - Integer.BYTES) * Byte.SIZE);
            at = Integer.BYTES;
        }
        if (key.capacity() == Integer.BYTES) {
            return key.putInt(0, family + number).array();
        }
        return key.putInt(at, family)
                .putInt(key.capacity() - Integer.BYTES, number)
                .array();
    }

    private static boolean isTrie(BpfMap map) {
        return map.type() == 11;
    }

    private static Set<Integer> numbers(BpfMap map, int family) {
        return map.entries().stream()
                .map(entry -> ByteBuffer.wrap(entry.key()).order(ByteOrder.nativeOrder()))
                .filter(key -> key.capacity() == Integer.BYTES
                        ? key.getInt(0) >= family && key.getInt(0) < family + FILLING
                        : key.getInt(isTrie(map) ? Integer.BYTES : 0) == family)
                .map(key -> key.capacity() == Integer.BYTES
                        ? key.getInt(0) - family
                        : key.getInt(key.capacity() - Integer.BYTES))
                .collect(Collectors.toSet());
    }

    private static void awaitRounds(Conversations conversations, int rounds) {
        await().atMost(LONG)
                .until(() -> conversations.rounds() >= rounds
                        || !conversations.lost().isEmpty());
    }

    private static boolean isGone(int id) {
        try (BpfMap _ = BpfMap.byId(id)) {
            return false;
        } catch (BpfException e) {
            return true;
        }
    }
}

package io.pilus.node.datapath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

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
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NextVersionIT {

    private static final Duration LONG = Duration.ofSeconds(90);
    private static final int CHANGES = 3;
    private static final Set<String> CHANGED = Set.of("ct_v", "ct_current_v", "ct_overflow_v", "tables_v");

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
        agent.silence();
    }

    @AfterEach
    void close() {
        one.close();
        two.close();
        node.close();
    }

    @Test
    void aVersionWithOtherLayoutsIsPutInPlaceAndTakenBackUnderTraffic(@TempDir Path directory) throws Exception {
        byte[] next = nextVersion(directory);
        try (var conversations = new Conversations(one.namespace(), two.namespace(), target, 10)) {
            awaitRounds(conversations, 5);
            for (int change = 0; change < CHANGES; change++) {
                Datapath later = Datapath.open(config, node.namespace(), next);
                assertThat(pins()).contains(changed(2)).doesNotContain(changed(1));
                assertThat(later.map("tables_v2").valueSize()).isEqualTo(32);
                awaitRounds(conversations, conversations.rounds() + 5);

                Datapath earlier = node.datapath();
                assertThat(pins()).contains(changed(1)).doesNotContain(changed(2));
                awaitRounds(conversations, conversations.rounds() + 5);
                assertThat(earlier.connections().entries()).hasSizeGreaterThanOrEqualTo(10);
            }
            assertThat(conversations.lost()).isEmpty();
        }
        CaseBook.open()
                .write(
                        FaultCase.of(
                                        Chapter.GROWTH,
                                        "the next version, with other layouts, is put in place and taken back")
                                .done(
                                        "programs from the same sources with longer values of connections and of policy tables; 10"
                                                + " conversations that only their entries allow to be answered go on")
                                .times(2L * CHANGES)
                                .lost("no answer")
                                .guard(
                                        "what the neighbouring layout has is carried over: without that, not one connection had an entry"));
    }

    @Test
    void pinsOfNewerVersionsStayAndThoseOfOlderLayoutsGo() throws IOException {
        Path maps = config.bpffs().resolve("maps");
        try (BpfMap map = BpfMap.pinned(maps.resolve("endpoints_v1"))) {
            for (String name : new String[] {"event_gates_v1", "event_gates_v4", "services_v1", "notes"}) {
                map.pin(maps.resolve(name));
            }
        }

        node.datapath();

        assertThat(pins()).contains("event_gates_v2", "event_gates_v4", "services_v1", "notes");
        assertThat(pins()).doesNotContain("event_gates_v1");
        CaseBook.open()
                .write(FaultCase.of(Chapter.GROWTH, "pins of other versions lie beside ours")
                        .done(
                                "an older layout of a map, a newer one, and maps that this version does not know; then a start")
                        .times(1)
                        .lost("only the older layout, which nothing reads any more")
                        .guard("the number of the layout behind the name"));
    }

    private static String[] changed(int layout) {
        return CHANGED.stream().map(name -> name + layout).toArray(String[]::new);
    }

    private Set<String> pins() throws IOException {
        try (Stream<Path> pins = Files.list(config.bpffs().resolve("maps"))) {
            return pins.map(pin -> String.valueOf(pin.getFileName())).collect(Collectors.toSet());
        }
    }

    /** The datapath from our sources, where a connection and a table's header have one field more at their end. */
    private static byte[] nextVersion(Path directory) throws IOException, InterruptedException {
        Path sources = Path.of("..", "bpf").toAbsolutePath();
        for (String part : new String[] {"Makefile", "pilus.bpf.c", "include", "lib", "hooks"}) {
            try (Stream<Path> files = Files.walk(sources.resolve(part))) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    Path copy = directory.resolve(sources.relativize(file).toString());
                    Files.createDirectories(copy.resolve("..").normalize());
                    Files.writeString(copy, changed(Files.readString(file)));
                }
            }
        }
        Path object = directory.resolve("out/pilus.bpf.o");
        Process make = new ProcessBuilder("make", "-s", "-C", directory.toString(), "OUT=out", "out/pilus.bpf.o")
                .inheritIO()
                .start();
        assertThat(make.waitFor()).isZero();
        return Files.readAllBytes(object);
    }

    private static String changed(String source) {
        String changed = source.replace("__u64 bytes[2];", "__u64 bytes[2]; __u64 more;")
                .replace("__u64 default_egress;", "__u64 default_egress; __u64 more;");
        for (String name : CHANGED) {
            changed = changed.replaceAll("\\b" + name + "1\\b", name + "2");
        }
        return changed;
    }

    private static void awaitRounds(Conversations conversations, int rounds) {
        await().atMost(LONG)
                .until(() -> conversations.rounds() >= rounds
                        || !conversations.lost().isEmpty());
    }
}

package io.pilus.node;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.pilus.netlink.NetworkNamespace;
import io.pilus.node.testing.TestNode;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SoleAgentIT {

    private final TestNode node = new TestNode();
    private final NodeConfig config = node.config();

    @AfterEach
    void close() {
        node.close();
    }

    @Test
    void aSecondAgentOnANodeTouchesNothingAndSaysWhoTheFirstIs() {
        Path others = node.directory().resolve("other");
        NodeConfig other = node.config(
                "state-dir", others.resolve("state").toString(),
                "bpffs", node.directory().resolve("bpffs/other").toString());
        try (SoleAgent _ = become(node.namespace(), config)) {
            assertThatThrownBy(() -> become(node.namespace(), other))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "another agent, process " + ProcessHandle.current().pid()
                                    + ", has the network namespace of this node: a node has one agent; end that process, or start this"
                                    + " one elsewhere");

            assertThat(others).doesNotExist();
            assertThat(node.directory().resolve("bpffs/other")).doesNotExist();
        }
        become(node.namespace(), other).close();
    }

    @Test
    void agentsOfTwoNodesShareNeitherStateNorPins() {
        NodeConfig sameState =
                node.config("bpffs", node.directory().resolve("bpffs/other").toString());
        NodeConfig samePins =
                node.config("state-dir", node.directory().resolve("other").toString());
        try (NetworkNamespace another = NetworkNamespace.create();
                SoleAgent _ = become(node.namespace(), config)) {
            assertThatThrownBy(() -> become(another, sameState))
                    .hasMessageContaining("process " + ProcessHandle.current().pid() + ", has the state directory "
                            + config.stateDir())
                    .hasMessageEndingWith("set pilus.node.state-dir");
            assertThatThrownBy(() -> become(another, samePins))
                    .hasMessageContaining("has the directory for BPF pins, " + config.bpffs())
                    .hasMessageEndingWith("set pilus.node.bpffs");
            NodeConfig own = node.config(
                    "state-dir", node.directory().resolve("other").toString(),
                    "bpffs", node.directory().resolve("bpffs/other").toString());
            become(another, own).close();
        }
    }

    @Test
    void whenTheFirstIsKilledTheNextMayStart() throws IOException, InterruptedException {
        Files.createDirectories(config.stateDir());
        Process first = new ProcessBuilder("flock", config.stateDir().toString(), "sleep", "600").start();
        try {
            await().atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> assertThatThrownBy(
                                    () -> become(node.namespace(), config).close())
                            .hasMessageContaining("process " + first.pid() + ","));
        } finally {
            first.descendants().forEach(ProcessHandle::destroyForcibly);
            first.destroyForcibly().waitFor();
        }

        become(node.namespace(), config).close();
        CaseBook.open()
                .write(
                        FaultCase.of(Chapter.GROWTH, "two agents are started on one node")
                                .done(
                                        "with the same settings; with directories of its own; two nodes with one directory; the first killed")
                                .times(4)
                                .lost("nothing: the second touches nothing, names the first and ends")
                                .guard(
                                        "locks on the network namespace, the state directory and the pins: without the first, the second one started"));
    }

    private static SoleAgent become(NetworkNamespace namespace, NodeConfig config) {
        return namespace.call(() -> SoleAgent.become(config));
    }
}

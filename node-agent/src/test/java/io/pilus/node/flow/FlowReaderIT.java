package io.pilus.node.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.pilus.contract.Prefixes;
import io.pilus.libbpf.BpfMap;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.policy.RuleNumberFile;
import io.pilus.node.route.AddressBook;
import io.pilus.node.testing.TestNode;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import org.eclipse.microprofile.health.HealthCheckResponse.Status;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class FlowReaderIT {

    private final TestNode node = new TestNode();

    @AfterEach
    void close() {
        node.close();
    }

    @Test
    void itBeginsAnewAfterAFailureAndReadinessShowsItMeanwhile() throws Exception {
        Datapath datapath = node.datapath();
        datapath.pools(List.of(Prefixes.parse("10.200.0.0/16")));
        Path pin = node.directory().resolve("bpffs/pilus/maps/events_v1");
        try (BpfMap events = BpfMap.pinned(pin);
                RuleNumberFile rules = RuleNumberFile.open(node.directory().resolve("rules"))) {
            var flows = new FlowLog(rules, new FixedEndpoints(), new Names(new AddressBook()), Clock.systemUTC());
            var reader = new FlowReader(datapath, flows);
            var health = new FlowHealth(reader);
            Files.delete(pin);

            reader.start(new StartupEvent());

            await().untilAsserted(() -> {
                assertThat(health.call().getStatus()).isEqualTo(Status.DOWN);
                assertThat(health.call().getData())
                        .hasValueSatisfying(data ->
                                assertThat(data.get("reason")).asString().contains("events_v1"));
            });
            events.pin(pin);
            await().untilAsserted(() -> assertThat(health.call().getStatus()).isEqualTo(Status.UP));
            await().untilAsserted(() -> {
                sendToNobody();
                assertThat(flows.recent(null)).isNotEmpty();
            });
            reader.stop(new ShutdownEvent());
        }
    }

    /** What the datapath drops, and tells of. */
    private void sendToNobody() {
        try (DatagramSocket socket = node.namespace().call(DatagramSocket::new)) {
            socket.send(new DatagramPacket(new byte[1], 1, InetAddress.ofLiteral("10.200.0.9"), 53));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

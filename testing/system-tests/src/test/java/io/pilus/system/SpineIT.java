package io.pilus.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.pilus.lab.Conversation;
import io.pilus.lab.Daemon;
import io.pilus.lab.Flow;
import io.pilus.lab.FlowWatch;
import io.pilus.lab.Node;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.PodSpec.Port;
import io.pilus.lab.ProbeResult;
import io.pilus.lab.Routing;
import io.pilus.lab.Service;
import io.pilus.lab.Transport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Changes, restarts and outages while traffic flows: established connections, new ones, and those that policy forbids. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SpineIT {

    private static final Duration SOON = Duration.ofMillis(700);
    private static final Duration PATIENT = Duration.ofSeconds(5);
    private static final Duration OFTEN = Duration.ofMillis(5);

    /** A retransmission may take that long on a busy machine; a lost state would take for ever. */
    private static final Duration SHORT_GAP = Duration.ofSeconds(2);

    private static final String ONLY_FROM_A = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {namespace: x, name: only-from-a}
            spec:
              podSelector: {matchLabels: {pod: b}}
              policyTypes: [Ingress]
              ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}]}]
            """;

    private static final String NOBODY = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {namespace: x, name: only-from-a}
            spec: {podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress]}
            """;

    private static final String FROM_TEAM_Y = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {namespace: x, name: from-team-y}
            spec:
              podSelector: {matchLabels: {pod: b}}
              policyTypes: [Ingress]
              ingress: [{from: [{namespaceSelector: {matchLabels: {team: "y"}}}]}]
            """;

    @SuppressWarnings("NullAway.Init")
    private Stage stage;

    private final List<JsonNode> applied = new ArrayList<>();

    @BeforeAll
    void start() {
        stage = new Stage("pssp", 242, Routing.VXLAN);
    }

    @AfterAll
    void end() {
        if (stage != null) {
            stage.close();
        }
    }

    @AfterEach
    void takePoliciesAway() {
        stage.delete(applied);
        applied.clear();
    }

    @Test
    void anAgentKilledAndStartedAgainLosesNothingAndNeverOpensPolicy() {
        apply(ONLY_FROM_A);
        Node receiving = stage.lab().node("n2");
        Node sending = stage.lab().node("n1");
        Conversation tcp = converse("x/a", "x/b", Transport.TCP, false);
        Conversation udp = converse("x/a", "x/b", Transport.UDP, true);

        for (Node node : List.of(receiving, sending)) {
            node.agent().kill();
            assertOnlyFromA();
            node.agent().start();
            Watch forbidden = new Watch("x/c", "x/b");
            node.awaitReady();
            assertThat(forbidden.answered()).isZero();
            assertOnlyFromA();
        }

        Conversation.Count overTcp = tcp.stop();
        Conversation.Count overUdp = udp.stop();
        assertThat(overTcp.error()).isEmpty();
        assertThat(overTcp.lost()).isZero();
        assertThat(overTcp.longestGap()).isLessThan(SHORT_GAP);
        assertThat(overUdp.lost()).isZero();
        assertThat(overUdp.sent()).isGreaterThan(100);
    }

    @Test
    void withTheWholeControlPlaneGoneTrafficFlowsAndStaysPoliced() {
        apply(ONLY_FROM_A);
        Conversation tcp = converse("x/a", "x/b", Transport.TCP, false);
        List<Daemon> controlPlane = List.of(
                stage.lab().controlPlane(Service.IDENTITY.module()),
                stage.lab().controlPlane(Service.POLICY.module()),
                stage.lab().controlPlane(Service.IPAM.module()),
                stage.lab().etcd());

        controlPlane.forEach(Daemon::kill);
        try {
            assertOnlyFromA();
            Node node = stage.lab().node("n2");
            node.agent().kill();
            assertOnlyFromA();
            node.agent().start();
            await().atMost(Duration.ofSeconds(60)).until(() -> node.agent().isAlive());
            assertOnlyFromA();
        } finally {
            controlPlane.reversed().forEach(Daemon::start);
            for (Service service : Service.values()) {
                stage.lab().awaitReady(service);
            }
            stage.lab().nodes().forEach(Node::awaitReady);
        }

        assertThat(tcp.stop().lost()).isZero();
        apply(NOBODY);
        assertThat(probe("x/a", "x/b").answered()).isFalse();
    }

    @Test
    void aTighterPolicyCutsEstablishedConnectionsAndALooserOneLetsThemGoOn() {
        apply(ONLY_FROM_A);
        Conversation tcp = converse("x/a", "x/b", Transport.TCP, true);
        Conversation udp = converse("x/a", "x/b", Transport.UDP, false);
        await().atMost(PATIENT)
                .until(() -> tcp.look().received() > 10 && udp.look().received() > 10);

        apply(NOBODY);
        long tcpThen = tcp.look().received();
        long udpThen = udp.look().received();
        await().pollDelay(Duration.ofMillis(300)).until(() -> true);
        assertThat(tcp.look().received()).isEqualTo(tcpThen);
        assertThat(udp.look().received()).isEqualTo(udpThen);

        apply(ONLY_FROM_A);
        await().atMost(Duration.ofSeconds(30)).until(() -> tcp.look().received() > tcpThen + 10);
        await().atMost(PATIENT).until(() -> udp.look().received() > udpThen + 10);
        assertThat(tcp.stop().error()).isEmpty();
        udp.stop();
    }

    @Test
    void aPodThatStartsUnderAPolicyIsIsolatedFromItsFirstPacket() throws Exception {
        apply(NOBODY);
        try (FlowWatch flows = new FlowWatch(stage.lab())) {
            PodSpec spec = new PodSpec("x", "late", "n2", Map.of("pod", "b"), List.of(Port.tcp(80)));
            Pod late = stage.lab().run(List.of(spec)).getFirst();
            try {
                ProbeResult refused = stage.party("x/a")
                        .prober()
                        .probe(Transport.TCP, late.ipv4(), 80, SOON)
                        .join();

                assertThat(refused.answered()).isFalse();
                assertThat(flows.await(
                                f -> f.isDrop() && f.destination().address().equals(late.ipv4()), PATIENT))
                        .map(Flow::rule)
                        .contains("NetworkPolicy x/only-from-a default-deny ingress");
            } finally {
                stage.lab().stop(late);
            }
        }
    }

    @Test
    void aRelabelledPodIsAnotherPeerAndAnotherSubjectWithoutARestart() {
        apply(ONLY_FROM_A);
        PodSpec spec = new PodSpec("x", "moody", "n1", Map.of("pod", "other"), List.of(Port.tcp(80)));
        Pod moody = stage.lab().run(List.of(spec)).getFirst();
        try {
            String target = stage.party("x/b").ipv4();
            assertThat(moody.prober()
                            .probe(Transport.TCP, target, 80, SOON)
                            .join()
                            .answered())
                    .isFalse();

            relabel("x", "moody", "n1", "a");
            await().atMost(PATIENT)
                    .until(() -> moody.prober()
                            .probe(Transport.TCP, target, 80, SOON)
                            .join()
                            .answered());

            relabel("x", "moody", "n1", "b");
            await().atMost(PATIENT)
                    .until(() -> !stage.party("x/c")
                            .prober()
                            .probe(Transport.TCP, moody.ipv4(), 80, SOON)
                            .join()
                            .answered());
        } finally {
            stage.lab().stop(moody);
        }
    }

    @Test
    void aRelabelledNamespaceIsAnotherPeer() {
        apply(FROM_TEAM_Y);
        assertThat(probe("y/a", "x/b").answered()).isFalse();
        try {
            stage.lab().putNamespace("y", Map.of("ns", "y", "team", "y"));

            await().atMost(PATIENT).until(() -> probe("y/a", "x/b").answered());
            assertThat(probe("z/a", "x/b").answered()).isFalse();
        } finally {
            stage.lab().putNamespace("y", Map.of("ns", "y"));
        }
        await().atMost(PATIENT).until(() -> !probe("y/a", "x/b").answered());
    }

    @Test
    void aMessageLargerThanTheMtuArrivesInFragmentsAndAsATcpStream() {
        Party to = stage.party("x/b");

        for (boolean six : List.of(false, true)) {
            for (Transport transport : Transport.values()) {
                ProbeResult large = stage.party("x/a")
                        .prober()
                        .probe(transport, to.address(six), 80, PATIENT, 20_000)
                        .join();

                assertThat(large.outcome())
                        .as(transport + (six ? " IPv6" : " IPv4"))
                        .isEqualTo(ProbeResult.Outcome.ANSWERED);
            }
        }
    }

    @Test
    void largeDatagramsArriveBesideABulkOfSegments() {
        Party to = stage.party("x/b");
        List<CompletableFuture<ProbeResult>> all = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            all.add(large(Transport.TCP, to, i % 2 == 0, 200_000));
            all.add(large(Transport.UDP, to, i % 2 == 0, 4_000));
        }

        assertThat(all).allSatisfy(probe -> assertThat(probe.join().outcome()).isEqualTo(ProbeResult.Outcome.ANSWERED));
    }

    @Test
    void aPathThatBecomesNarrowerIsLearnt() {
        Party to = stage.party("x/b");
        stage.lab().nodes().forEach(node -> node.uplinkMtu(1400));
        try {
            for (Transport transport : Transport.values()) {
                for (boolean six : List.of(false, true)) {
                    await().atMost(Duration.ofSeconds(30))
                            .until(() ->
                                    large(transport, to, six, 20_000).join().answered());
                }
            }
        } finally {
            stage.lab().nodes().forEach(node -> node.uplinkMtu(1500));
        }
    }

    private CompletableFuture<ProbeResult> large(Transport transport, Party to, boolean six, int size) {
        return stage.party("x/a").prober().probe(transport, to.address(six), 80, PATIENT, size);
    }

    @Test
    void aClosedPortIsRefusedAtOnce() {
        Party to = stage.party("x/b");

        for (boolean six : List.of(false, true)) {
            for (Transport transport : Transport.values()) {
                ProbeResult refused = stage.party("x/a")
                        .prober()
                        .probe(transport, to.address(six), 4444, PATIENT)
                        .join();

                assertThat(refused.outcome())
                        .as(transport + (six ? " IPv6" : " IPv4") + ", UDP by an ICMP error")
                        .isEqualTo(ProbeResult.Outcome.REFUSED);
            }
        }
    }

    @Test
    void aPodIsSeenUnderItsOwnAddress() {
        for (String to : List.of("x/b", "y/a", "node.n2")) {
            Party from = stage.party("x/a");

            ProbeResult result = from.prober()
                    .probe(Transport.TCP, stage.party(to).ipv4(), 80, PATIENT)
                    .join();

            assertThat(result.answered()).as(to).isTrue();
            assertThat(result.seenAs()).as(to).isEqualTo(from.ipv4());
        }
    }

    private void apply(String yaml) {
        List<JsonNode> documents = stage.documents(yaml);
        stage.apply(documents);
        documents.stream()
                .filter(document -> applied.stream().noneMatch(known -> sameName(known, document)))
                .forEach(applied::add);
    }

    private static boolean sameName(JsonNode one, JsonNode other) {
        return one.path("metadata").equals(other.path("metadata"));
    }

    private void assertOnlyFromA() {
        assertThat(probe("x/a", "x/b").answered()).as("x/a to x/b").isTrue();
        assertThat(probe("x/c", "x/b").answered()).as("x/c to x/b").isFalse();
        assertThat(probe("y/b", "x/b").answered()).as("y/b to x/b").isFalse();
        assertThat(probe("x/c", "y/a").answered()).as("x/c to y/a").isTrue();
    }

    private ProbeResult probe(String from, String to) {
        return stage.party(from)
                .prober()
                .probe(Transport.TCP, stage.party(to).ipv4(), 80, SOON)
                .join();
    }

    private Conversation converse(String from, String to, Transport transport, boolean six) {
        return stage.party(from).prober().converse(transport, stage.party(to).address(six), 80, OFTEN);
    }

    private void relabel(String namespace, String name, String node, String pod) {
        stage.lab()
                .rest(Service.IDENTITY)
                .put(
                        "/v1/workloads/" + namespace + "/" + name,
                        "{\"node\": \"" + node + "\", \"labels\": {\"pod\": \"" + pod + "\"}}")
                .orThrow();
    }

    /** Tries a connection again and again. */
    private final class Watch {

        private final List<CompletableFuture<ProbeResult>> attempts = new ArrayList<>();
        private final Thread thread;
        private volatile boolean ended;

        Watch(String from, String to) {
            Party source = stage.party(from);
            String address = stage.party(to).ipv4();
            thread = Thread.ofVirtual().start(() -> {
                while (!ended) {
                    attempts.add(source.prober().probe(Transport.TCP, address, 80, SOON));
                    pause();
                }
            });
        }

        /** Ends the watch. */
        long answered() {
            ended = true;
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return attempts.stream()
                    .map(CompletableFuture::join)
                    .filter(ProbeResult::answered)
                    .count();
        }

        private static void pause() {
            try {
                Thread.sleep(5);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}

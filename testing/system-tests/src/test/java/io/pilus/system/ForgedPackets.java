package io.pilus.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Node;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.PodSpec.Port;
import io.pilus.lab.ProbeResult;
import io.pilus.lab.Routing;
import io.pilus.lab.Service;
import io.pilus.lab.Transport;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Packets that lie, out of raw sockets: a pod that only a trusted one may speak to, on the forger's node and on another, must
 * see none of them.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class ForgedPackets {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration PATIENT = Duration.ofSeconds(60);
    private static final String GATEWAY = "02:00:00:00:00:01"; // nobody looks at it
    private static final String ONLY_TRUSTED = """
            {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
             "metadata": {"namespace": "default", "name": "only-trusted"},
             "spec": {"podSelector": {"matchLabels": {"app": "victim"}}, "policyTypes": ["Ingress"],
                      "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "trusted"}}}]}]}}""";

    private final String name;
    private final int network;
    private final Routing routing;
    private final ExecutorService watchers = Executors.newVirtualThreadPerTaskExecutor();

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path directory;

    @SuppressWarnings("NullAway.Init")
    private Lab lab;

    @SuppressWarnings("NullAway.Init")
    private Path script;

    ForgedPackets(String name, int network, Routing routing) {
        this.name = name;
        this.network = network;
        this.routing = routing;
    }

    @BeforeAll
    void start(@TempDir Path scripts) throws IOException {
        script = scripts.resolve("forge.py");
        try (InputStream in = ForgedPackets.class.getResourceAsStream("/forged/forge.py")) {
            Files.write(script, Objects.requireNonNull(in).readAllBytes());
        }
        lab = Lab.start(LabConfig.named(name)
                .network(network)
                .routing(routing)
                .progress(line -> System.err.println("  " + line))
                .build());
        lab.run(List.of(
                pod("forger", "forger", "n1"),
                pod("trusted", "trusted", "n1"),
                pod("near", "victim", "n1"),
                pod("far", "victim", "n2"),
                pod("open", "open", "n2")));
        lab.rest(Service.POLICY)
                .put("/v1/documents/NetworkPolicy/default/only-trusted?wait=enforced", ONLY_TRUSTED)
                .orThrow();
    }

    private static PodSpec pod(String name, String app, String node) {
        return new PodSpec("default", name, node, Map.of("app", app), List.of(Port.tcp(80), Port.udp(80)));
    }

    @AfterAll
    void end() {
        if (lab != null) {
            lab.close();
        }
        watchers.shutdownNow();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            spoofed | DROP_SPOOFED_SOURCE | a source that is not its own | without it the victim saw datagrams as from the trusted pod
            mac | DROP_SPOOFED_MAC | a link address that is not its own | without it none was counted, and policy alone kept them out
            mapped | DROP_MAPPED_ADDRESS | a mapped address inside IPv6 | without it the victim saw a packet from ::ffff:10.244.0.3
            tunnelled | DROP_TUNNEL_PORT | VXLAN made by a pod | without it none was counted, and the receiving node took none from a pod
            fragments | DROP_FRAGMENT_TINY | tiny and nested fragments | taken out in the packet test alone
            errors | DROP_ICMP_UNRELATED | ICMP errors about other people's connections | without it and the look-up of what is quoted the victim saw the errors
            vlan | DROP_NOT_IP | VLAN tags | without it none was counted, and policy alone kept them out
            short | DROP_TRUNCATED | headers cut at every byte | taken out in the packet test alone
            """)
    void noPodSeesWhatAnotherForges(String kind, String verdict, String what, String guard) {
        assertOwnTrafficGoesOn();
        long before = dropped(lab.node("n1"), verdict);
        List<Watch> watches = List.of(new Watch("near"), new Watch("far"));

        long sent = Long.parseLong(
                forge(pod("forger").netns(), "send", kind, fromPod()).strip());

        for (Watch watch : watches) {
            assertThat(watch.forged()).as("seen by " + watch.pod).isEmpty();
        }
        await().atMost(PATIENT).until(() -> dropped(lab.node("n1"), verdict) > before);
        long counted = dropped(lab.node("n1"), verdict) - before;
        assertThat(counted).isGreaterThanOrEqualTo(sent / 2);
        assertOwnTrafficGoesOn();
        row(
                "a pod forges: " + what,
                "raw frames to a pod of its node and one of another",
                sent,
                "the check of from_pod: " + guard);
    }

    @Test
    void aMarkDoesNotArriveInAPodAndOpensNothing() throws IOException {
        Path ready = directory.resolve("marked");
        Pod near = pod("near");
        CompletableFuture<String> mark =
                CompletableFuture.supplyAsync(() -> forge(near.netns(), "marked", ready.toString(), "5353"), watchers);
        await().atMost(PATIENT).until(() -> Files.exists(ready) || mark.isDone());
        long denied = dropped(lab.node("n1"), "DROP_POLICY");

        String marks =
                IntStream.range(0, 32).mapToObj(bit -> Long.toString(1L << bit)).collect(Collectors.joining(","));
        forge(pod("forger").netns(), "datagrams", near.ipv4(), "5353", marks, "marked");
        await().atMost(PATIENT).until(() -> dropped(lab.node("n1"), "DROP_POLICY") >= denied + 32);
        assertThat(mark).as("what a pod may not send, whatever its mark").isNotDone();
        // its own node may
        await().atMost(PATIENT).until(() -> {
            forge(lab.node("n1").netns(), "datagrams", near.ipv4(), "5353", "3840", "marked");
            return mark.isDone();
        });

        assertThat(mark.join().strip()).isEqualTo("[0]");
        row(
                "a pod forges: marks",
                "a datagram with each bit of SO_MARK to a pod that denies it; one of the node with a mark",
                33,
                "forward_to_pod clears it: without that the pod's socket was told 3840");
    }

    private String fromPod() {
        Pod forger = pod("forger");
        Pod trusted = pod("trusted");
        ObjectNode parameters = JSON.createObjectNode()
                .put("gateway", GATEWAY)
                .put("own", forger.ipv4())
                .put("own6", forger.ipv6())
                .put("trusted", trusted.ipv4())
                .put("trusted6", trusted.ipv6())
                .put("trustedIdentity", trusted.identity())
                .put("victim6", pod("far").ipv6());
        ArrayNode others = parameters.putArray("others");
        List.of(
                        trusted.ipv4(),
                        trusted.ipv6(),
                        lab.node("n1").ipv4(),
                        lab.node("n2").ipv4(),
                        lab.outsideIpv4())
                .forEach(others::add);
        ArrayNode victims = parameters.putArray("victims");
        for (String victim : List.of("near", "far")) {
            pod(victim).addresses().forEach(victims::add);
        }
        ArrayNode nodes = parameters.putArray("nodes");
        lab.nodes().forEach(node -> nodes.add(node.ipv4()).add(node.ipv6()));
        return parameters.toString();
    }

    final Lab lab() {
        return lab;
    }

    final Pod pod(String pod) {
        return lab.pod("default", pod);
    }

    final String forge(String netns, String... arguments) {
        String[] command = new String[arguments.length + 3];
        command[0] = "/usr/bin/python3";
        command[1] = "-I";
        command[2] = script.toString();
        System.arraycopy(arguments, 0, command, 3, arguments.length);
        return lab.exec(netns, command);
    }

    final void assertOwnTrafficGoesOn() {
        for (String address : pod("open").addresses()) {
            assertThat(pod("forger")
                            .prober()
                            .probe(Transport.TCP, address, 80, Duration.ofSeconds(20))
                            .join())
                    .matches(ProbeResult::answered, "answered");
        }
        for (String victim : List.of("near", "far")) {
            assertThat(pod("trusted")
                            .prober()
                            .probe(Transport.TCP, pod(victim).ipv4(), 80, Duration.ofSeconds(20))
                            .join())
                    .matches(ProbeResult::answered, "answered");
        }
    }

    /** Packets that a node has dropped for a reason. */
    final long dropped(Node node, String verdict) {
        String metrics = node.management().get("/q/metrics").orThrow().body();
        Matcher line = Pattern.compile("(?m)^pilus_verdicts_total\\{[^}]*verdict=\"" + verdict + "\"[^}]*\\} (\\S+)$")
                .matcher(metrics);
        double all = 0;
        while (line.find()) {
            all += Double.parseDouble(line.group(1));
        }
        return (long) all;
    }

    final void row(String what, String done, long times, String guard) {
        CaseBook.open()
                .write(FaultCase.of(
                                Chapter.FORGED,
                                what + " (lab, " + routing.name().toLowerCase(Locale.ROOT) + ")")
                        .done(done)
                        .times(times)
                        .lost("nothing: none arrived, each was counted, and the sender's own connections went on")
                        .guard(guard));
    }

    /** Looks at everything that a pod receives until something valid comes. */
    final class Watch {

        private final Pod pod;
        private final CompletableFuture<String> seen;

        Watch(String victim) {
            pod = pod(victim);
            Path ready = directory.resolve(UUID.randomUUID().toString());
            seen = CompletableFuture.supplyAsync(() -> forge(pod.netns(), "watch", ready.toString()), watchers);
            await().atMost(PATIENT).until(() -> Files.exists(ready) || seen.isDone());
        }

        String forged() {
            await().atMost(PATIENT).until(() -> {
                forge(pod("trusted").netns(), "datagrams", pod.ipv4(), "80", "0", "VALID");
                return seen.isDone();
            });
            return seen.join();
        }
    }
}

package io.pilus.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.pilus.lab.Answer;
import io.pilus.lab.Conversation;
import io.pilus.lab.Daemon;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Node;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.PodSpec.Port;
import io.pilus.lab.ProbeResult;
import io.pilus.lab.Service;
import io.pilus.lab.StoreBackup;
import io.pilus.lab.Transport;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of running pods when the store under the cluster is another one, or an older one. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StoreIT {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration SOON = Duration.ofSeconds(1);
    private static final Duration LONG = Duration.ofMinutes(3);

    /** What only the agent writes, and packets are judged and sent by. */
    private static final List<String> MAPS = List.of(
            "endpoints_v1",
            "destinations_v1",
            "ranges_v1",
            "tables_v1",
            "peer_classes_v1",
            "port_classes_v1",
            "cells_v1");

    private static final String POLICY = "/v1/documents/NetworkPolicy/x/only-from-a?wait=enforced";

    @SuppressWarnings("NullAway.Init")
    private Lab lab;

    private int names;

    @BeforeAll
    void start() {
        lab = Lab.start(LabConfig.named("pfst")
                .network(244)
                .smallBlocks()
                .agentSettings(Map.of("pilus.node.leases.reserve", "8"))
                .progress(line -> System.err.println("  " + line))
                .build());
        lab.putNamespace("x", Map.of());
        run("a", "n1", Map.of("pod", "a"));
        run("b", "n2", Map.of("pod", "b"));
        run("c", "n1", Map.of("pod", "c"));
        allowFromA(true);
    }

    @AfterAll
    void end() {
        if (lab != null) {
            lab.close();
        }
    }

    @Test
    void aStoreRestoredToBeforeTenIdentitiesAndABlockTakesThemOverFromTheNodes(@TempDir Path directory)
            throws Exception {
        Path backup = directory.resolve("backup");
        lab.backup(backup);
        Map<String, String> blocksBefore = keys("/pilus/v1/cluster/blocks/");
        List<PodSpec> specs = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            specs.add(spec("late" + i, i == 0 ? "n2" : "n1", Map.of("pod", "a", "late", "" + i)));
        }
        List<Pod> late = lab.run(specs);
        await().atMost(LONG)
                .until(() -> keys("/pilus/v1/cluster/endpoints/").size()
                        == lab.pods().size());
        await().atMost(LONG).until(() -> keys("/pilus/v1/cluster/blocks/").size() > blocksBefore.size());
        Pod receiving = lab.pod("x", "b");
        await().atMost(LONG).until(() -> late.stream().allMatch(pod -> answers(pod, receiving)));
        Map<String, String> labels = keys("/pilus/v1/intent/labels/");
        Map<String, String> blocks = keys("/pilus/v1/cluster/blocks/");
        Conversation established = converse(late.getFirst(), lab.pod("x", "b"), Transport.TCP);
        Conversation across = converse(late.getLast(), lab.pod("x", "b"), Transport.TCP);
        Conversation datagrams = converse(lab.pod("x", "a"), lab.pod("x", "b"), Transport.UDP);

        StoreBackup.Restored restored;
        int samples;
        try (var kernels = new Kernels()) {
            restored = lab.restore(backup);
            await().atMost(LONG)
                    .untilAsserted(() -> assertThat(keys("/pilus/v1/nodes/").keySet())
                            .contains("/pilus/v1/nodes/n1/adopted", "/pilus/v1/nodes/n2/adopted")
                            .noneMatch(key -> key.endsWith("/agent/adoption")));
            lab.nodes().forEach(Node::awaitReady);
            assertThat(kernels.vanished).isEmpty();
            assertThat(kernels.passed.get()).isZero();
            samples = kernels.samples.get();
        }

        assertThat(restored.restores()).isEqualTo(1);
        assertThat(stop(established) + stop(across) + stop(datagrams)).isZero();
        assertThat(keys("/pilus/v1/intent/labels/")).containsAllEntriesOf(labels);
        assertThat(keys("/pilus/v1/cluster/blocks/")).containsAllEntriesOf(blocks);
        assertThat(samples).isGreaterThan(3);

        Set<Integer> numbers = new HashSet<>();
        Set<String> addresses = new HashSet<>();
        lab.pods().forEach(pod -> {
            numbers.add(pod.identity());
            addresses.addAll(pod.addresses());
        });
        int known = late.getFirst().identity();
        Pod alike = run("alike", "n1", Map.of("pod", "a", "late", "0"));
        assertThat(alike.identity()).isEqualTo(known);
        assertThat(addresses).doesNotContainAnyElementsOf(alike.addresses());
        addresses.addAll(alike.addresses());
        for (String node : List.of("n1", "n2", "n1")) {
            Pod fresh = run("fresh" + names++, node, Map.of("pod", "a", "fresh", "" + names));
            assertThat(numbers.add(fresh.identity()))
                    .as("a number of its own: " + fresh.identity())
                    .isTrue();
            assertThat(fresh.identity())
                    .isGreaterThan(numbers.stream().mapToInt(n -> n).min().orElseThrow() + 60_000);
            assertThat(addresses).doesNotContainAnyElementsOf(fresh.addresses());
            addresses.addAll(fresh.addresses());
            await().atMost(LONG).until(() -> answers(fresh, receiving));
        }
        allowFromA(false);
        assertThat(answers(late.getFirst(), receiving)).isFalse();
        allowFromA(true);
        assertThat(answers(late.getFirst(), receiving)).isTrue();
        assertThat(answers(lab.pod("x", "c"), receiving)).isFalse();

        CaseBook.open()
                .write(FaultCase.of(
                                Chapter.STORE,
                                "the store is restored to a backup from before ten identities and a block")
                        .done(
                                "2 nodes; backup; ten label sets with attached pods and a block more; 'pilus restore' under three"
                                        + " conversations and forbidden attempts; all kernel maps of policy and addresses compared many times"
                                        + " meanwhile; then new pods, new label sets, policy changes")
                        .times(1)
                        .lost("nothing: no message, no kernel entry, no number, no block, no address twice")
                        .guard(
                                "an agent goes on from the restored store only when its report is answered; without that both took the"
                                        + " backup at once, dropped the workloads and the block that it lacks, and nobody could take"
                                        + " them over: no node was answered within three minutes"));
    }

    @Test
    void anEmptyStoreAndAnotherClustersChangeNothingAndSayWhatIsWrong(@TempDir Path directory) throws Exception {
        Path own = directory.resolve("own");
        Conversation established = converse(lab.pod("x", "a"), lab.pod("x", "b"), Transport.TCP);
        Map<String, String> known = keys("/pilus/v1/intent/");

        try (var kernels = new Kernels()) {
            lab.etcd().kill();
            lab.exec(lab.etcd().netns(), "mv", lab.etcdData().toString(), own.toString());
            lab.etcd().start();
            lab.awaitEtcd();

            for (Node node : lab.nodes()) {
                awaitStranger(node, "no key 'epoch'");
            }
            for (Service service : Service.values()) {
                await().atMost(LONG).untilAsserted(() -> {
                    Answer health = lab.rest(service).send("GET", "/q/health/ready", Map.of(), "");
                    assertThat(health.status()).isEqualTo(503);
                    assertThat(health.body()).contains("no key 'epoch'");
                });
            }
            await().atMost(LONG)
                    .untilAsserted(() -> assertThat(
                                    lab.rest(Service.IDENTITY).get("/v1/alarms").body())
                            .contains("store-stranger"));
            await().atMost(LONG).until(() -> keys("/pilus/v1/").isEmpty());
            assertPoliced();

            restartServices();
            for (Node node : lab.nodes()) {
                awaitStranger(node, "the store is ");
            }
            fillAnothersStore();
            assertPoliced();

            lab.etcd().kill();
            lab.exec(lab.etcd().netns(), "rm", "-r", lab.etcdData().toString());
            lab.exec(lab.etcd().netns(), "mv", own.toString(), lab.etcdData().toString());
            lab.etcd().start();
            lab.awaitEtcd();
            restartServices();
            lab.nodes().forEach(Node::awaitReady);
            assertThat(kernels.vanished).isEmpty();
            assertThat(kernels.passed.get()).isZero();
        }

        assertThat(stop(established)).isZero();
        assertThat(keys("/pilus/v1/intent/")).isEqualTo(known);
        Pod more = run("more" + names++, "n1", Map.of("pod", "a"));
        assertThat(more.identity()).isEqualTo(lab.pod("x", "a").identity());
        await().atMost(LONG).until(() -> answers(more, lab.pod("x", "b")));

        CaseBook.open()
                .write(FaultCase.of(Chapter.STORE, "the store is replaced by an empty one, then by another cluster's")
                        .done(
                                "2 nodes; etcd's data directory gone; then services begin anew there and number other label sets and"
                                        + " grant blocks under the same nodes' names; then the right directory back; a conversation and forbidden"
                                        + " attempts all the while, kernel maps compared many times")
                        .times(1)
                        .lost("nothing: no message, no kernel entry; agents and services said which store answers")
                        .guard(
                                "an agent takes nothing from a store with another id; without that n1 was left with 6 of 10 destinations"
                                        + " and none of 6 ranges when the other cluster's store answered"));
    }

    private void fillAnothersStore() {
        for (Node node : lab.nodes()) {
            lab.rest(Service.IDENTITY)
                    .put("/v1/nodes/" + node.name(), "{\"labels\":{},\"addresses\":[\"" + node.ipv4() + "\"]}")
                    .orThrow();
        }
        lab.putNamespace("foreign", Map.of());
        lab.rest(Service.IPAM)
                .put("/v1/pools/default", "{\"ranges\":[\"10.99.0.0/16\"]}")
                .orThrow();
        lab.rest(Service.IDENTITY)
                .post(
                        "/v1/workloads",
                        "{\"namespace\":\"foreign\",\"name\":\"w\",\"node\":\"n1\",\"labels\":{\"app\":\"w\"}}")
                .orThrow();
        await().atMost(LONG).until(() -> keys("/pilus/v1/cluster/blocks/").size() >= 2);
    }

    private void restartServices() {
        List<Daemon> services = new ArrayList<>();
        for (Service service : Service.values()) {
            services.add(lab.controlPlane(service.module()));
        }
        services.forEach(Daemon::kill);
        services.forEach(Daemon::start);
        for (Service service : Service.values()) {
            lab.awaitReady(service);
        }
    }

    private void awaitStranger(Node node, String reason) {
        await().atMost(LONG).untilAsserted(() -> {
            assertThat(node.api()
                            .get("/v1/status")
                            .orThrow()
                            .json()
                            .path("stranger")
                            .asText())
                    .contains(reason);
            assertThat(node.management()
                            .send("GET", "/q/health/ready", Map.of(), "")
                            .status())
                    .isEqualTo(503);
        });
    }

    private void assertPoliced() {
        assertThat(answers(lab.pod("x", "a"), lab.pod("x", "b"))).isTrue();
        assertThat(answers(lab.pod("x", "c"), lab.pod("x", "b"))).isFalse();
    }

    private static boolean answers(Pod from, Pod to) {
        ProbeResult result =
                from.prober().probe(Transport.TCP, to.ipv4(), 80, SOON).join();
        return result.answered();
    }

    private static Conversation converse(Pod from, Pod to, Transport transport) {
        return from.prober().converse(transport, to.ipv6(), 80, Duration.ofMillis(20));
    }

    private static long stop(Conversation conversation) {
        Conversation.Count count = conversation.stop();
        assertThat(count.error()).isEmpty();
        assertThat(count.sent()).isGreaterThan(50);
        return count.lost();
    }

    private Pod run(String name, String node, Map<String, String> labels) {
        return lab.run(List.of(spec(name, node, labels))).getFirst();
    }

    private static PodSpec spec(String name, String node, Map<String, String> labels) {
        return new PodSpec("x", name, node, labels, List.of(Port.tcp(80), Port.udp(80)));
    }

    private void allowFromA(boolean any) {
        String document =
                """
                {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                 "metadata": {"namespace": "x", "name": "only-from-a"},
                 "spec": {"podSelector": {"matchLabels": {"pod": "b"}}, "policyTypes": ["Ingress"], "ingress": %s}}""".formatted(any ? "[{\"from\": [{\"podSelector\": {\"matchLabels\": {\"pod\": \"a\"}}}]}]" : "[]");
        await().atMost(LONG)
                .until(() ->
                        lab.rest(Service.POLICY).put(POLICY, document).orThrow().status() != 202);
    }

    private Map<String, String> keys(String prefix) {
        Map<String, String> found = new TreeMap<>();
        String answer = lab.etcdctl("get", "--prefix", prefix, "--write-out=json");
        for (JsonNode kv : json(answer).path("kvs")) {
            found.put(
                    new String(Base64.getDecoder().decode(kv.path("key").asText()), StandardCharsets.UTF_8),
                    kv.path("value").asText());
        }
        return found;
    }

    private static JsonNode json(String text) {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(text, e);
        }
    }

    /** Looks again and again whether all is still in the kernels, and whether what policy forbids stays so. */
    private final class Kernels implements AutoCloseable {

        final Set<String> vanished = new TreeSet<>();
        final AtomicInteger samples = new AtomicInteger();
        final AtomicInteger passed = new AtomicInteger();
        private final Map<String, Set<String>> before = settled();
        private final Thread thread = Thread.ofPlatform().start(this::look);
        private volatile boolean ended;

        private void look() {
            while (!ended) {
                Map<String, Set<String>> now = entries();
                before.forEach((map, all) -> {
                    Set<String> gone = new TreeSet<>(all);
                    gone.removeAll(now.getOrDefault(map, Set.of()));
                    gone.forEach(entry -> vanished.add(map + " " + entry));
                });
                samples.incrementAndGet();
                if (answers(lab.pod("x", "c"), lab.pod("x", "b"))) {
                    passed.incrementAndGet();
                }
            }
        }

        /** Without the tables of an earlier policy, which stay for a moment. */
        private Map<String, Set<String>> settled() {
            var last = new AtomicReference<>(entries());
            await().atMost(LONG).pollInterval(Duration.ofSeconds(1)).until(() -> {
                Map<String, Set<String>> now = entries();
                return last.getAndSet(now).equals(now);
            });
            return last.get();
        }

        private Map<String, Set<String>> entries() {
            Map<String, Set<String>> all = new TreeMap<>();
            for (Node node : lab.nodes()) {
                for (String map : MAPS) {
                    Set<String> entries = new TreeSet<>();
                    Path pin = node.directory().resolve("bpf/maps").resolve(map);
                    for (JsonNode entry :
                            json(lab.exec(node.netns(), "bpftool", "-j", "map", "dump", "pinned", pin.toString()))) {
                        entries.add(entry.path("key") + "=" + entry.path("value"));
                    }
                    all.put(node.name() + " " + map, entries);
                }
            }
            return all;
        }

        @Override
        public void close() {
            ended = true;
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}

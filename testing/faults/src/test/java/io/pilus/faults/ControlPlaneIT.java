package io.pilus.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.pilus.lab.Answer;
import io.pilus.lab.Daemon;
import io.pilus.lab.Disk;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Node;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.Service;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Leaders that are stopped amid their writes, leases that are lost, disks that are full and clocks that jump; two replicas of each service. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ControlPlaneIT {

    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int ROUNDS = Integer.getInteger("pilus.faults.rounds", 4);
    private static final int BURST = 40;
    private static final String NODES = "/pilus/v1/nodes/";

    private static final String TERM =
            "a leader works only within its lease by its own clock, and each of its transactions compares its term; with the"
                    + " comparison alone taken out, five rounds showed no harm";

    private final Random random = new Random();

    @SuppressWarnings("NullAway.Init")
    private Scene scene;

    @SuppressWarnings("NullAway.Init")
    private Lab lab;

    @BeforeAll
    void start() {
        scene = new Scene(LabConfig.named("pfcp")
                .network(161)
                .replicas(2)
                .smallDisks(256)
                .ownClocks()
                .build());
        lab = scene.lab();
    }

    @AfterAll
    void end() {
        if (scene != null) {
            scene.close();
        }
    }

    @Test
    void aCompileLeaderStoppedAmidItsWritesAndResumedWhenAnotherLeadsHarmsNothing() {
        Traffic traffic = scene.traffic();
        for (int round = 0; round < ROUNDS; round++) {
            int variant = round;
            depose(Service.POLICY, standby -> {
                for (int i = 0; i < BURST; i++) {
                    lab.rest(Service.POLICY, standby)
                            .put("/v1/documents/NetworkPolicy/f/burst-" + i, burst(i, variant))
                            .orThrow();
                }
            });
            awaitEnforced();
        }
        Losses losses = traffic.stop();

        // a new leader compiles from nothing and writes what differs
        String published = published();
        lab.leader(Service.POLICY).orElseThrow().kill();
        Daemon killed = lab.replicas(Service.POLICY).stream()
                .filter(daemon -> !daemon.isAlive())
                .findFirst()
                .orElseThrow();
        awaitOtherLeader(Service.POLICY, killed);
        lab.rest(
                        Service.POLICY,
                        replica(Service.POLICY, lab.leader(Service.POLICY).orElseThrow()))
                .delete("/v1/documents/NetworkPolicy/f/burst-0?wait=enforced")
                .orThrow();
        List<String> written = changed(published, published());
        killed.start();
        lab.awaitReady();

        assertThat(losses).as(losses.toString()).returns(true, Losses::none);
        assertThat(written).as("besides the document that was deleted").hasSizeLessThanOrEqualTo(4);
        CaseBook.open()
                .write(FaultCase.of(
                                Chapter.OUTAGES,
                                "leader of policy-service stopped amid its writes, resumed when another led")
                        .done(BURST + " documents written each time; " + losses.tried())
                        .times(ROUNDS)
                        .lost(losses.text() + "; what a fresh leader compiled was what stood there")
                        .guard(TERM));
        for (int i = 1; i < BURST; i++) {
            lab.rest(Service.POLICY)
                    .delete("/v1/documents/NetworkPolicy/f/burst-" + i)
                    .orThrow();
        }
    }

    @Test
    void aPublisherStoppedAmidItsWritesAndResumedWhenAnotherLeadsHarmsNothing() {
        Traffic traffic = scene.traffic();
        long pods = 0;
        for (int round = 0; round < ROUNDS; round++) {
            List<Pod> started = new ArrayList<>();
            int number = round;
            depose(Service.IDENTITY, standby -> {
                for (int i = 0; i < 6; i++) {
                    var spec = new PodSpec(
                            "f",
                            "pub-" + number + "-" + i,
                            i % 2 == 0 ? "n1" : "n2",
                            Map.of("pub", "p" + i),
                            List.of());
                    started.add(lab.run(spec, lab.register(spec, standby)));
                }
            });
            await().atMost(PATIENCE).untilAsserted(() -> assertThat(endpoints()).isEqualTo(attached()));
            assertThat(identities()).doesNotHaveDuplicates();
            depose(Service.IDENTITY, standby -> {
                started.forEach(lab::detach);
                started.forEach(pod -> lab.unregister(pod.spec(), standby));
            });
            await().atMost(PATIENCE).untilAsserted(() -> assertThat(endpoints()).isEqualTo(attached()));
            pods += started.size();
        }
        Losses losses = traffic.stop();

        assertThat(losses).as(losses.toString()).returns(true, Losses::none);
        CaseBook.open()
                .write(FaultCase.of(
                                Chapter.OUTAGES,
                                "leader of identity-service stopped amid its writes, resumed when another led")
                        .done(pods + " pods came and went; " + losses.tried())
                        .times(2L * ROUNDS)
                        .lost(losses.text() + "; published endpoints were those attached each time")
                        .guard(TERM));
    }

    @Test
    void aGranterStoppedAmidItsWritesAndResumedWhenAnotherLeadsHarmsNothing() {
        long blocks = 0;
        for (int round = 0; round < ROUNDS; round++) {
            String pool = "burst" + round;
            int second = round;
            depose(Service.IPAM, standby -> {
                lab.rest(Service.IPAM, standby)
                        .put("/v1/pools/" + pool, """
                                {"ranges": ["10.24%d.0.0/24"], "blockLengthIpv4": 30}""".formatted(second))
                        .orThrow();
                for (Node node : lab.nodes()) {
                    lab.rest(Service.IDENTITY)
                            .post("/v1/workloads", """
                                    {"namespace": "f", "name": "%s-%s", "node": "%s", "labels": {}, "pool": "%s"}""".formatted(pool, node.name(), node.name(), pool))
                            .orThrow();
                }
            });
            // sixteen addresses in reserve for each node, four to a block
            await().atMost(PATIENCE)
                    .untilAsserted(() -> assertThat(blocksOf(pool)).hasSizeGreaterThanOrEqualTo(2 * 4));
            assertThat(blocksOf(pool)).isEqualTo(nodeCopiesOf(pool));
            blocks += blocksOf(pool).size();
            for (Node node : lab.nodes()) {
                lab.rest(Service.IDENTITY)
                        .delete("/v1/workloads/f/" + pool + "-" + node.name())
                        .orThrow();
            }
        }

        CaseBook.open()
                .write(FaultCase.of(
                                Chapter.OUTAGES,
                                "leader of ipam-service stopped amid its writes, resumed when another led")
                        .done(blocks + " blocks granted to two nodes")
                        .times(ROUNDS)
                        .lost("nothing: each block has one owner, who has its copy")
                        .guard(TERM));
    }

    @Test
    void leasesLostUnderLoadCostNothing() {
        Traffic traffic = scene.traffic();
        Churn churn = scene.churn("n1");
        long revoked = 0;
        for (int round = 0; round < 2 * ROUNDS; round++) {
            for (String lease : lab.etcdctl("lease", "list").lines().skip(1).toList()) {
                lab.etcdctl("lease", "revoke", lease);
                revoked++;
            }
            scene.turn();
            scene.awaitTurned();
            scene.turnBack();
        }
        Churn.Count pods = churn.stop();
        Losses losses = traffic.stop();

        assertThat(losses).as(losses.toString()).returns(true, Losses::none);
        assertThat(pods.wrong()).isEmpty();
        assertThat(revoked).isGreaterThanOrEqualTo(2L * ROUNDS * 3);
        await().atMost(PATIENCE)
                .until(() -> Stream.of(Service.values())
                        .allMatch(service -> lab.leader(service).isPresent()));
        CaseBook.open()
                .write(FaultCase.of(Chapter.OUTAGES, "leases revoked under load")
                        .done("all of them at once, " + revoked + " in all; " + losses.tried() + "; " + pods.attached()
                                + " pods came and went; " + 4 * ROUNDS + " policy changes")
                        .times(2L * ROUNDS)
                        .lost(losses.text())
                        .guard("leadership and liveness are campaigned for again; not taken out"));
    }

    @Test
    void aFullDiskAtEtcdIsSurvivedAndSaid() {
        Traffic traffic = scene.traffic();
        Disk disk = lab.disk(lab.etcd());
        disk.fill();
        List<Integer> answers = new ArrayList<>();
        try {
            for (int i = 0; i < BURST && lab.etcd().isAlive(); i++) {
                answers.add(lab.rest(Service.POLICY)
                        .put("/v1/documents/NetworkPolicy/f/full-" + i, large(i))
                        .status());
            }
            Answer refused = lab.rest(Service.POLICY).put("/v1/documents/NetworkPolicy/f/full-" + BURST, large(BURST));
            assertThat(refused.status()).as(refused.body()).isEqualTo(503);
            assertThat(refused.json().path("detail").asText()).contains("etcd");
        } finally {
            disk.free();
            if (!lab.etcd().isAlive()) {
                lab.etcd().start();
            }
        }
        lab.awaitReady();
        long kept = answers.stream().filter(status -> status == 201).count();
        for (int i = 0; i < answers.size(); i++) {
            if (answers.get(i) == 201) {
                lab.rest(Service.POLICY)
                        .delete("/v1/documents/NetworkPolicy/f/full-" + i)
                        .orThrow();
            }
        }
        scene.turn();
        scene.awaitTurned();
        scene.turnBack();
        Losses losses = traffic.stop();

        assertThat(losses).as(losses.toString()).returns(true, Losses::none);
        CaseBook.open()
                .write(FaultCase.of(Chapter.OUTAGES, "etcd's disk full")
                        .done("not a byte left; " + losses.tried())
                        .times(1)
                        .lost(losses.text() + "; " + kept + " documents accepted and all there afterwards, then 503")
                        .guard("a write is answered when etcd has it; not taken out"));
    }

    @Test
    void aFullDiskAtAnAgentIsSurvivedAndSaid() {
        Traffic traffic = scene.traffic();
        Node node = lab.node("n2");
        var spec = new PodSpec("f", "nodisk", "n2", Map.of("role", "friend"), List.of());
        String uid = lab.register(spec);
        Disk disk = lab.disk(node.agent());
        disk.fill();
        String said;
        try {
            scene.turn();
            scene.awaitTurned();
            said = refusal(spec, uid);
            node.agent().kill();
            node.agent().start();
            scene.turnBack();
        } finally {
            disk.free();
        }
        lab.awaitReady();
        Pod pod = lab.run(spec, uid);
        lab.stop(pod);
        scene.turn();
        scene.awaitTurned();
        scene.turnBack();
        Losses losses = traffic.stop();

        assertThat(losses).as(losses.toString()).returns(true, Losses::none);
        assertThat(said).contains("has room and is writable");
        CaseBook.open()
                .write(
                        FaultCase.of(Chapter.OUTAGES, "an agent's disk full")
                                .done("not a byte left; the agent killed and started so; " + losses.tried())
                                .times(1)
                                .lost(losses.text()
                                        + "; policy changes were enforced, a pod was refused with the reason")
                                .guard(
                                        "an agent answers what is on its disk; not taken out, but the reason was 'see the log' before"));
    }

    @Test
    void clocksThatJumpCostNothing() {
        List<Daemon> all = new ArrayList<>();
        Stream.of(Service.values()).map(lab::replicas).forEach(all::addAll);
        lab.nodes().forEach(node -> all.add(node.agent()));
        List<Duration> jumps =
                List.of(Duration.ofHours(1), Duration.ofHours(-1), Duration.ofDays(400), Duration.ofDays(-400));
        Traffic traffic = scene.traffic();
        Churn near = scene.churn("n2");
        Churn far = scene.churn("n1");
        int done = 0;
        for (Duration jump : jumps) {
            for (List<Daemon> some : List.of(all, List.of(all.get(random.nextInt(all.size()))))) {
                some.stream().map(lab::clock).forEach(clock -> clock.set(jump));
                scene.turn();
                scene.awaitTurned();
                some.stream().map(lab::clock).forEach(clock -> clock.set(Duration.ZERO));
                scene.turnBack();
                done++;
            }
        }
        Churn.Count nearPods = near.stop();
        Churn.Count farPods = far.stop();
        Losses losses = traffic.stop();
        lab.awaitReady();

        assertThat(losses).as(losses.toString()).returns(true, Losses::none);
        assertThat(nearPods.wrong()).isEmpty();
        assertThat(farPods.wrong()).isEmpty();
        await().atMost(PATIENCE).untilAsserted(() -> assertThat(endpoints()).isEqualTo(attached()));
        CaseBook.open()
                .write(FaultCase.of(Chapter.OUTAGES, "clocks that jump")
                        .done("an hour and 400 days, ahead and back, all services and agents or one of them; "
                                + losses.tried() + "; " + (nearPods.attached() + farPods.attached())
                                + " pods came and went")
                        .times(2L * done)
                        .lost(losses.text())
                        .guard("terms, leases and lifetimes of connections count from boot; not taken out"));
    }

    /** Stops the leader while the work goes on by a standby's REST, waits until another leads, and resumes it. */
    private void depose(Service service, Work work) {
        Daemon leader = lab.leader(service).orElseThrow();
        int standby = 3 - replica(service, leader);
        Thread working = Thread.ofVirtual().start(() -> work.by(standby));
        LockSupport.parkNanos(Duration.ofMillis(20 + random.nextInt(400)).toNanos());
        leader.pause();
        try {
            awaitOtherLeader(service, leader);
        } finally {
            leader.resume();
        }
        try {
            working.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        lab.awaitReady(service);
    }

    private void awaitOtherLeader(Service service, Daemon than) {
        await().atMost(PATIENCE)
                .until(() -> lab.leader(service).filter(now -> now != than).isPresent());
    }

    private int replica(Service service, Daemon daemon) {
        return lab.replicas(service).indexOf(daemon) + 1;
    }

    private void awaitEnforced() {
        for (int i = 0; i < BURST; i++) {
            String path = "/v1/documents/NetworkPolicy/f/burst-" + i + "/status";
            await().atMost(PATIENCE)
                    .until(() -> lab.rest(Service.POLICY)
                            .get(path)
                            .json()
                            .path("state")
                            .asText()
                            .equals("enforced"));
        }
    }

    private String refusal(PodSpec spec, String uid) {
        try {
            lab.stop(lab.run(spec, uid));
            return "";
        } catch (RuntimeException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private static String burst(int i, int variant) {
        return """
                {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "f", "name": "burst-%d"},
                 "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"],
                          "ingress": [{"from": [{"podSelector": {"matchLabels": {"role": "r%d"}}}], "ports": [{"port": %d}]}]}}
                """.formatted(i, variant, 1000 + i);
    }

    /** Some 100 KB. */
    private static String large(int i) {
        var description = new StringBuilder();
        for (int line = 0; line < 1500; line++) {
            description.append("10.").append(line % 250).append('.').append(i).append(".0/24 is none of ours. ");
        }
        return """
                {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                 "metadata": {"namespace": "f", "name": "full-%d", "annotations": {"note": "%s"}},
                 "spec": {"podSelector": {"matchLabels": {"app": "nobody"}}, "policyTypes": ["Ingress"]}}
                """.formatted(i, description);
    }

    private List<String> endpoints() {
        return keys("/pilus/v1/cluster/endpoints/");
    }

    private List<String> attached() {
        return keys(NODES).stream()
                .filter(key -> key.contains("/agent/attached/"))
                .map(key -> key.replace("agent/attached/", ""))
                .toList();
    }

    private List<Integer> identities() {
        return lab.pods().stream()
                .filter(pod -> pod.spec().labels().containsKey("pub"))
                .collect(Collectors.toMap(pod -> pod.spec().labels().toString(), Pod::identity, (one, _) -> one))
                .values()
                .stream()
                .toList();
    }

    private List<String> blocksOf(String pool) {
        return keys("/pilus/v1/cluster/blocks/" + pool + "/");
    }

    private List<String> nodeCopiesOf(String pool) {
        return keys(NODES).stream()
                .filter(key -> key.contains("/blocks/" + pool + "/"))
                .map(key -> key.substring(key.lastIndexOf('/') + 1))
                .sorted()
                .toList();
    }

    /** What there is behind the prefix, in order. */
    private List<String> keys(String prefix) {
        return lines(lab.etcdctl("get", "--prefix", "--keys-only", prefix)).stream()
                .map(key -> key.substring(prefix.length()))
                .sorted()
                .toList();
    }

    /** Each key of published policy with its revision. */
    private String published() {
        return lab.etcdctl("get", "--prefix", "/pilus/v1/cluster/policy/", "-w", "fields");
    }

    private static List<String> changed(String before, String after) {
        List<String> known = revisions(before);
        return revisions(after).stream().filter(line -> !known.contains(line)).toList();
    }

    private static List<String> revisions(String fields) {
        List<String> all = new ArrayList<>();
        String key = "";
        for (String line : lines(fields)) {
            if (line.startsWith("\"Key\"")) {
                key = line;
            } else if (line.startsWith("\"ModRevision\"")) {
                all.add(key + line);
            }
        }
        return all;
    }

    private static List<String> lines(String text) {
        return text.lines().filter(line -> !line.isBlank()).toList();
    }

    /** Something that is asked of a standby. */
    @FunctionalInterface
    private interface Work {
        void by(int standby);
    }
}

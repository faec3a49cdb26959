package io.pilus.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.pilus.lab.Conversation;
import io.pilus.lab.Daemon;
import io.pilus.lab.Flood;
import io.pilus.lab.Lab;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.PodSpec.Port;
import io.pilus.lab.Routing;
import io.pilus.lab.Sandbox;
import io.pilus.lab.Service;
import io.pilus.lab.Transport;
import io.pilus.lab.Witness;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * What is new, and what the first packets after a change do. Who should not be heard sends from before its interface exists, and
 * who should not hear counts whatever arrives.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class FirstPackets {

    private static final Duration OFTEN = Duration.ofMillis(5);
    private static final Duration SELDOM = Duration.ofMillis(20);
    private static final Duration SOON = Duration.ofMillis(700);
    private static final Duration PATIENT = Duration.ofSeconds(30);
    private static final int ENOUGH = 10;

    private static final String ONLY_FROM_A = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {namespace: x, name: only-a}
            spec:
              podSelector: {matchLabels: {pod: b}}
              policyTypes: [Ingress, Egress]
              ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}]}]
              egress: [{to: [{podSelector: {matchLabels: {pod: a}}}]}]
            """;

    private static final String NOBODY = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {namespace: x, name: only-a}
            spec: {podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress, Egress]}
            """;

    private static final String LOCKED = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {namespace: x, name: locked}
            spec:
              podSelector: {matchLabels: {pod: locked}}
              policyTypes: [Ingress, Egress]
              ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}]}]
            """;

    private static final String TINY = """
            {"ranges": ["10.243.0.0/29", "fd00:10:243::/125"], "blockLengthIpv4": 29, "blockLengthIpv6": 125}
            """;

    private final String name;
    private final int network;
    private final Routing routing;
    private final List<JsonNode> applied = new ArrayList<>();
    private final List<Pod> pods = new ArrayList<>();

    @SuppressWarnings("NullAway.Init")
    private Stage stage;

    FirstPackets(String name, int network, Routing routing) {
        this.name = name;
        this.network = network;
        this.routing = routing;
    }

    @BeforeAll
    void start() {
        stage = new Stage(name, network, routing, Map.of("pilus.node.leases.cool-down", "PT2S"));
    }

    @AfterAll
    void end() {
        if (stage != null) {
            stage.close();
        }
    }

    @AfterEach
    void tidy() {
        stopPods();
        stage.delete(applied);
        applied.clear();
    }

    @Test
    void aBrandNewIdentityIsHeardByNobodyWhoDoesNotAllowIt() {
        apply(ONLY_FROM_A);
        Party closed = stage.party("x/b");
        Witness atClosed = closed.prober().witness();
        Witness atOpen = stage.party("y/b").prober().witness();
        int rounds = 20;

        for (int round = 0; round < rounds; round++) {
            Pod stranger = attachFlooding(spec("stranger", "n1", "other", round), List.of(closed, stage.party("y/b")));
            Pod kin = attachFlooding(spec("kin", "n1", "a", round), List.of(closed));

            awaitHeard(atOpen, stranger);
            awaitHeard(atClosed, kin);
            assertThat(heard(atClosed, stranger)).as("round %d", round).isZero();
            stopPods();
        }

        write("the first packet of a brand-new identity is one that a policy denies")
                .done("a pod with labels never seen sends UDP and TCP, IPv4 and IPv6, from before it has an interface, "
                        + "across nodes")
                .times(rounds)
                .lost("no packet let through; who is allowed is heard")
                .guard(
                        "who is not known is unresolved, and a pod waits for its own policy: with the cells of all that is allowed given to who is unresolved, and no waiting, the first round let 14 packets through");
    }

    @Test
    void whileTheCompileLeaderIsStoppedNothingNewIsOpenAndAfterwardsNothingStaysClosed() {
        apply(ONLY_FROM_A);
        Party closed = stage.party("x/b");
        Witness atClosed = closed.prober().witness();
        Witness atOpen = stage.party("y/b").prober().witness();
        Daemon leader = lab().controlPlane(Service.POLICY.module());
        int rounds = 8;

        for (int round = 0; round < rounds; round++) {
            Sandbox stranger = lab().sandbox(spec("stranger", "n1", "other", 1000 + round));
            Sandbox kin = lab().sandbox(spec("kin", "n1", "a", 1000 + round));
            Flood fromStranger = flood(stranger, List.of(closed, stage.party("y/b")), Transport.UDP);
            Flood fromKin = flood(kin, List.of(closed), Transport.UDP);
            leader.pause();
            CompletableFuture<Pod> strangerAttached;
            CompletableFuture<Pod> kinAttached;
            try {
                strangerAttached = attachLater(stranger);
                kinAttached = attachLater(kin);
                await().pollDelay(Duration.ofMillis(1500)).until(() -> true);
                assertThat(fromStranger.sent() + fromKin.sent())
                        .as("sent without an interface, round %d", round)
                        .isZero();
            } finally {
                leader.resume();
            }
            pods.add(strangerAttached.join());
            pods.add(kinAttached.join());

            awaitHeardUdp(atOpen, strangerAttached.join());
            awaitHeardUdp(atClosed, kinAttached.join());
            assertThat(heard(atClosed, strangerAttached.join()))
                    .as("round %d", round)
                    .isZero();
            stopPods();
        }

        write("a brand-new identity while the compile leader is stopped")
                .done("policy-service stopped by SIGSTOP, pods with labels never seen attached, resumed after 1.5 s")
                .times(rounds)
                .lost("no packet let through; who is allowed is heard once the leader goes on")
                .guard(
                        "attaching waits for the identity's own policy: with a missing one taken for an empty list, the first round sent 1,366 packets before the leader went on");
    }

    @Test
    void whoIsUnknownToTheReceivingNodeMayOnlyWhatEverybodyMayUntilItIsKnown() {
        apply(ONLY_FROM_A);
        Party closed = stage.party("x/b");
        Witness atClosed = closed.prober().witness();
        Witness atOpen = stage.party("y/b").prober().witness();
        Daemon receiving = lab().node("n2").agent();
        int rounds = 10;

        for (int round = 0; round < rounds; round++) {
            Pod stranger;
            Pod kin;
            receiving.pause();
            try {
                stranger = attachFlooding(
                        spec("stranger", "n1", "other", 2000 + round), List.of(closed, stage.party("y/b")));
                kin = attachFlooding(spec("kin", "n1", "a", 2000 + round), List.of(closed, stage.party("y/b")));
                awaitHeard(atOpen, stranger);
                awaitHeard(atOpen, kin);
                assertThat(heard(atClosed, stranger) + heard(atClosed, kin))
                        .as("round %d", round)
                        .isZero();
            } finally {
                receiving.resume();
            }

            awaitHeard(atClosed, kin);
            assertThat(heard(atClosed, stranger)).as("round %d", round).isZero();
            stopPods();
        }

        write("a brand-new identity that the receiving node has not heard of")
                .done("the receiving agent stopped by SIGSTOP while pods with labels never seen start and send")
                .times(rounds)
                .lost(
                        "no packet let through but to who is open to everybody; who is allowed is heard once the agent goes on")
                .guard(
                        "who is unresolved may only what everybody may: with the cells of all that is allowed given to it, the first round let 2,158 packets through");
    }

    @Test
    void aTightenedPolicyAlsoStopsWhatWasOpenWhenTheFirstPacketAfterItIsAReply() {
        apply(ONLY_FROM_A);
        Party a = stage.party("x/a");
        Party b = stage.party("x/b");
        Witness atA = a.prober().witness();
        Witness atB = b.prober().witness();
        List<Conversation> open = List.of(
                a.prober().subscribe(Transport.TCP, b.ipv4(), 80, OFTEN),
                a.prober().subscribe(Transport.UDP, b.ipv6(), 80, OFTEN),
                b.prober().subscribe(Transport.TCP, a.ipv6(), 80, OFTEN),
                b.prober().subscribe(Transport.UDP, a.ipv4(), 80, OFTEN),
                a.prober().converse(Transport.UDP, b.ipv4(), 81, OFTEN));
        int rounds = 20;

        for (int round = 0; round < rounds; round++) {
            awaitAllGoOn(open);

            apply(NOBODY);
            long thereThen = heard(atA, b);
            long hereThen = heard(atB, a);
            await().pollDelay(Duration.ofMillis(300)).until(() -> true);

            assertThat(heard(atA, b)).as("replies of its side, round %d", round).isEqualTo(thereThen);
            assertThat(heard(atB, a)).as("packets to it, round %d", round).isEqualTo(hereThen);
            apply(ONLY_FROM_A);
        }

        awaitAllGoOn(open);
        open.forEach(Conversation::stop);
        write("the first packet after a policy is tightened is a reply, and only the receiver's policy changed")
                .done("5 open connections, TCP and UDP, opened from either side, of which the other end alone sends; "
                        + "tightened and loosened under way")
                .times(rounds)
                .lost("no packet let through after the change was reported enforced; all go on when it is taken back")
                .guard(
                        "a changed policy has a generation of its own: with the old one kept, the first round let 174 replies through");
    }

    @Test
    void aPodThatIsRelabelledGoesOnWhereBothLabelSetsMayAndStopsWhereTheNewOneMayNot() {
        apply(ONLY_FROM_A);
        Party b = stage.party("x/b");
        Witness atB = b.prober().witness();
        Pod moody = lab().run(List.of(spec("moody", "n1", "a", 3000))).getFirst();
        pods.add(moody);
        int rounds = 12;
        long sent = 0;

        for (int round = 1; round <= rounds; round++) {
            Conversation tcp = moody.prober().converse(Transport.TCP, b.ipv4(), 80, OFTEN);
            Conversation udp = moody.prober().converse(Transport.UDP, b.ipv6(), 80, OFTEN);
            for (int step = 1; step <= 3; step++) {
                awaitAllGoOn(List.of(tcp, udp));
                relabel(moody, "a", 3000 + 10 * round + step);
            }
            awaitAllGoOn(List.of(tcp, udp));
            Conversation.Count overUdp = udp.stop();
            assertThat(overUdp.lost()).as("round %d", round).isZero();
            sent += overUdp.sent();

            relabel(moody, "other", 3000 + round);
            touch();
            long then = heard(atB, moody);
            await().pollDelay(Duration.ofMillis(200)).until(() -> true);
            assertThat(heard(atB, moody)).as("round %d", round).isEqualTo(then);

            relabel(moody, "a", 3000);
            awaitAllGoOn(List.of(tcp));
            Conversation.Count overTcp = tcp.stop();
            assertThat(overTcp.error()).as("round %d", round).isEmpty();
            assertThat(overTcp.lost()).as("round %d", round).isZero();
        }

        assertThat(sent).isGreaterThan(1000);
        write("a pod is relabelled under traffic")
                .done(
                        "to label sets that are allowed, one that is not, and back, with a TCP and a UDP conversation open")
                .times(5L * rounds)
                .lost("no datagram of " + sent
                        + " where both label sets are allowed, none let through once the change is in force")
                .guard(
                        "the receiver's map of addresses follows the endpoint: with who had the address first kept in it, the first round let 26 packets through");
    }

    @Test
    void aPodIsNeverOpenBeforeItsPolicyAndNeverLeftClosed() {
        apply(LOCKED);
        Party outsider = stage.party("y/a");
        Party neighbour = stage.party("z/b");
        Witness atOpen = stage.party("y/b").prober().witness();
        int rounds = 20;
        int aimed = 0;

        for (int round = 0; round < rounds; round++) {
            Pod last = lab().run(List.of(spec("last", "n2", "plain", 4000 + round)))
                    .getFirst();
            pods.add(last);
            List<String> coming = following(last.addresses(), 4);
            List<Flood> floods = List.of(
                    outsider.prober().flood(Transport.UDP, coming, 80, OFTEN),
                    outsider.prober().flood(Transport.TCP, coming, 80, SELDOM),
                    neighbour.prober().flood(Transport.UDP, coming, 80, OFTEN),
                    neighbour.prober().flood(Transport.TCP, coming, 80, SELDOM));
            Sandbox locked = lab().sandbox(spec("locked", "n2", "locked", 4000 + round));
            Witness atLocked = locked.prober().witness();
            flood(locked, List.of(stage.party("y/b")), Transport.UDP);
            Sandbox plain = lab().sandbox(spec("plain", "n2", "plain", 4000 + round));
            Witness atPlain = plain.prober().witness();

            Pod isolated = round % 2 == 0 ? attach(locked) : attachWhileCompilingIsSlow(locked);
            Pod ordinary = attach(plain);

            await().atMost(PATIENT)
                    .until(() -> stage.party("x/a")
                            .prober()
                            .probe(Transport.TCP, isolated.ipv4(), 80, SOON)
                            .join()
                            .answered());
            if (coming.containsAll(isolated.addresses()) && coming.containsAll(ordinary.addresses())) {
                aimed++;
                for (Party from : List.of(outsider, neighbour)) {
                    await().atMost(PATIENT).until(() -> heard(atPlain, from) > ENOUGH);
                }
            }
            for (Party from : List.of(outsider, neighbour)) {
                assertThat(heard(atLocked, from))
                        .as("round %d, from %s", round, from)
                        .isZero();
            }
            assertThat(heard(atOpen, isolated)).as("round %d", round).isZero();
            floods.forEach(Flood::stop);
            stopPods();
        }

        assertThat(aimed).isGreaterThan(rounds / 2);
        write("a pod starts under a policy, and others send to its address before it is there")
                .done(
                        "UDP and TCP, IPv4 and IPv6, from its own node and from another, to the addresses that come next; it "
                                + "sends from before it has an interface; compiling stopped for 0.7 s meanwhile in every other round; "
                                + aimed + " of the rounds met its address")
                .times(rounds)
                .lost("no packet let in or out; who is allowed is answered at once")
                .guard(
                        "attaching waits for the identity's own policy: with a missing one taken for an empty list, the second round let 202 packets in");
    }

    @Test
    void anAddressThatIsGivenAgainIsJudgedAsWhoHasItNow() {
        apply(ONLY_FROM_A);
        apply(LOCKED);
        lab().rest(Service.IPAM).put("/v1/pools/tiny", TINY).orThrow();
        Party b = stage.party("x/b");
        Party outsider = stage.party("y/a");
        Party other = stage.party("y/b");
        Witness atB = b.prober().witness();
        int rounds = 15;

        for (int round = 0; round < rounds; round++) {
            Sandbox before = lab().sandbox(spec("before", "n1", "a", 5000));
            before.prober().flood(Transport.UDP, List.of(b.ipv4()), 80, OFTEN, 40_000);
            before.prober().flood(Transport.TCP, List.of(b.ipv4()), 80, SELDOM);
            Witness atBefore = before.prober().witness();
            Pod first = attachTiny(before);
            List<String> address = List.of(first.ipv4());
            List<Flood> floods = List.of(
                    outsider.prober().flood(Transport.UDP, address, 80, OFTEN, 41_000),
                    other.prober().flood(Transport.UDP, address, 80, OFTEN, 41_001));
            await().atMost(PATIENT).until(() -> atB.packetsFrom(first.ipv4()) > ENOUGH);
            await().atMost(PATIENT).until(() -> heard(atBefore, outsider) > ENOUGH && heard(atBefore, other) > ENOUGH);
            pods.remove(first);
            lab().stop(first);
            long then = atB.packetsFrom(first.ipv4());

            // the same identity, one that is open and not welcome at b, one that hears nobody
            String label = List.of("a", "other", "locked").get(round % 3);
            Witness atNext = null;
            Flood fromNext = null;
            Pod next = null;
            for (int attempt = 0; next == null || !next.ipv4().equals(first.ipv4()); attempt++) {
                assertThat(attempt).as("attempts until the address comes again").isLessThan(40);
                if (next != null) {
                    pods.remove(next);
                    lab().stop(next);
                }
                Sandbox sandbox = lab().sandbox(spec("next" + attempt, "n1", label, 5000));
                atNext = sandbox.prober().witness();
                fromNext = sandbox.prober().flood(Transport.UDP, List.of(b.ipv4()), 80, OFTEN, 40_000);
                sandbox.prober().flood(Transport.TCP, List.of(b.ipv4()), 80, SELDOM);
                next = attachTiny(sandbox);
            }
            Witness heardByNext = Objects.requireNonNull(atNext);
            Flood sentByNext = Objects.requireNonNull(fromNext);
            long sent = floods.getFirst().sent();
            await().atMost(PATIENT)
                    .until(() ->
                            sentByNext.sent() > 3 * ENOUGH && floods.getFirst().sent() > sent + 3 * ENOUGH);

            var place = "round %d, %s".formatted(round, label);
            if (label.equals("a")) {
                await(place).atMost(PATIENT).until(() -> atB.packetsFrom(first.ipv4()) > then + ENOUGH);
            } else {
                assertThat(atB.packetsFrom(first.ipv4())).as(place).isEqualTo(then);
            }
            if (label.equals("locked")) {
                assertThat(heard(heardByNext, outsider) + heard(heardByNext, other))
                        .as(place)
                        .isZero();
            } else {
                await(place)
                        .atMost(PATIENT)
                        .until(() -> heard(heardByNext, outsider) > ENOUGH && heard(heardByNext, other) > ENOUGH);
            }
            floods.forEach(Flood::stop);
            stopPods();
        }

        write("an address is given again, to a pod of the same identity and of others")
                .done(
                        "a pod with open connections ends, another gets its address as soon as it has rested, here for 2 s, "
                                + "and sends from the same port; those who sent to the old one go on")
                .times(rounds)
                .lost("no packet judged as the old pod's; the same identity is heard, and hears")
                .guard(
                        "the receiver's map of addresses follows who has one: with who had it first kept in it, 81 packets of a pod of another identity were let through in the eighth round");
    }

    private FaultCaseWriter write(String what) {
        return new FaultCaseWriter(
                FaultCase.of(Chapter.FIRST_PACKETS, what + ", " + routing.name().toLowerCase(Locale.ROOT)));
    }

    /** Writes the row when its last cell is said. */
    private record FaultCaseWriter(FaultCase.Builder row) {

        FaultCaseWriter done(String text) {
            row.done(text);
            return this;
        }

        FaultCaseWriter times(long count) {
            row.times(count);
            return this;
        }

        FaultCaseWriter lost(String text) {
            row.lost(text);
            return this;
        }

        void guard(String text) {
            CaseBook.open().write(row.guard(text));
        }
    }

    private Lab lab() {
        return stage.lab();
    }

    private void apply(String yaml) {
        List<JsonNode> documents = stage.documents(yaml);
        stage.apply(documents);
        documents.stream()
                .filter(document -> applied.stream()
                        .noneMatch(known -> known.path("metadata").equals(document.path("metadata"))))
                .forEach(applied::add);
    }

    /** A change that nobody notices, and that is enforced after whatever came before it. */
    private void touch() {
        apply(ONLY_FROM_A.replace("name: only-a", "name: again-only-a"));
        stage.delete(stage.documents(ONLY_FROM_A.replace("name: only-a", "name: again-only-a")));
        applied.removeIf(
                document -> document.path("metadata").path("name").asText().equals("again-only-a"));
    }

    /** A pod whose label set nobody has had before. */
    private static PodSpec spec(String name, String node, String pod, int generation) {
        return new PodSpec(
                "x",
                name,
                node,
                Map.of("pod", pod, "generation", "g" + generation),
                List.of(Port.tcp(80), Port.udp(80)));
    }

    private Pod attach(Sandbox sandbox) {
        Pod pod = lab().attach(sandbox, lab().register(sandbox.spec()));
        pods.add(pod);
        return pod;
    }

    private Pod attachTiny(Sandbox sandbox) {
        PodSpec spec = sandbox.spec();
        String uid = lab().rest(Service.IDENTITY)
                .post(
                        "/v1/workloads",
                        "{\"namespace\": \"x\", \"name\": \"%s\", \"node\": \"%s\", \"labels\": %s, \"pool\": \"tiny\"}"
                                .formatted(spec.name(), spec.node(), labels(spec)))
                .orThrow()
                .json()
                .path("uid")
                .asText();
        Pod pod = lab().attach(sandbox, uid);
        pods.add(pod);
        return pod;
    }

    private static String labels(PodSpec spec) {
        return "{\"pod\": \"%s\", \"generation\": \"%s\"}"
                .formatted(spec.labels().get("pod"), spec.labels().get("generation"));
    }

    /** The addresses that come after these. */
    private static List<String> following(List<String> addresses, int count) {
        List<String> following = new ArrayList<>();
        for (String address : addresses) {
            boolean six = address.indexOf(':') >= 0;
            int last = address.lastIndexOf(six ? ':' : '.') + 1;
            int number = Integer.parseInt("0" + address.substring(last), six ? 16 : 10);
            for (int i = 1; i <= count; i++) {
                following.add(address.substring(0, last) + Integer.toString(number + i, six ? 16 : 10));
            }
        }
        return following;
    }

    private Pod attachFlooding(PodSpec spec, List<Party> to) {
        Sandbox sandbox = lab().sandbox(spec);
        flood(sandbox, to, Transport.UDP);
        flood(sandbox, to, Transport.TCP);
        return attach(sandbox);
    }

    private Pod attachWhileCompilingIsSlow(Sandbox sandbox) {
        Daemon leader = lab().controlPlane(Service.POLICY.module());
        CompletableFuture<Pod> attached;
        leader.pause();
        try {
            attached = attachLater(sandbox);
            await().pollDelay(Duration.ofMillis(700)).until(() -> true);
        } finally {
            leader.resume();
        }
        pods.add(attached.join());
        return attached.join();
    }

    private CompletableFuture<Pod> attachLater(Sandbox sandbox) {
        String uid = lab().register(sandbox.spec());
        var attached = new CompletableFuture<Pod>();
        Thread.ofVirtual().start(() -> {
            try {
                attached.complete(lab().attach(sandbox, uid));
            } catch (RuntimeException e) {
                attached.completeExceptionally(e);
            }
        });
        return attached;
    }

    private Flood flood(Sandbox from, List<Party> to, Transport transport) {
        List<String> addresses = to.stream()
                .flatMap(party -> List.of(party.ipv4(), party.ipv6()).stream())
                .toList();
        return from.prober().flood(transport, addresses, 80, transport == Transport.UDP ? OFTEN : SELDOM);
    }

    private void stopPods() {
        pods.forEach(lab()::stop);
        pods.clear();
    }

    private static void awaitHeard(Witness witness, Pod pod) {
        await().atMost(PATIENT).untilAsserted(() -> {
            List<Witness.Seen> seen = witness.seen();
            for (String address : pod.addresses()) {
                for (int protocol : List.of(6, 17)) {
                    assertThat(seen.stream()
                                    .filter(one -> one.source().equals(address) && one.protocol() == protocol)
                                    .mapToLong(Witness.Seen::packets)
                                    .sum())
                            .as("heard from %s by protocol %d", address, protocol)
                            .isGreaterThan(ENOUGH);
                }
            }
        });
    }

    private static void awaitHeardUdp(Witness witness, Pod pod) {
        for (String address : pod.addresses()) {
            await().atMost(PATIENT).until(() -> witness.packetsFrom(address) > ENOUGH);
        }
    }

    private static long heard(Witness witness, Pod pod) {
        return pod.addresses().stream().mapToLong(witness::packetsFrom).sum();
    }

    private static long heard(Witness witness, Party party) {
        return witness.packetsFrom(party.ipv4()) + witness.packetsFrom(party.ipv6());
    }

    private static void awaitAllGoOn(List<Conversation> open) {
        for (Conversation conversation : open) {
            long then = conversation.look().received();
            await().atMost(PATIENT).until(() -> conversation.look().received() > then + 5);
        }
    }

    /** Until the cluster knows it under its new identity. */
    private void relabel(Pod pod, String label, int generation) {
        int identity = lab().rest(Service.IDENTITY)
                .put(
                        "/v1/workloads/x/" + pod.name(),
                        "{\"node\": \"%s\", \"labels\": {\"pod\": \"%s\", \"generation\": \"g%d\"}}"
                                .formatted(pod.node(), label, generation))
                .orThrow()
                .json()
                .path("identity")
                .asInt();
        await().atMost(PATIENT).until(() -> published(pod) == identity);
    }

    private int published(Pod pod) {
        JsonNode endpoints = lab().rest(Service.IDENTITY)
                .get("/v1/endpoints?node=" + pod.node() + "&limit=500")
                .orThrow()
                .json();
        for (JsonNode endpoint : endpoints.path("items")) {
            if (endpoint.path("uid").asText().equals(pod.uid())) {
                return endpoint.path("identity").asInt();
            }
        }
        return 0;
    }
}

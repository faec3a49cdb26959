package io.pilus.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.pilus.lab.Answer;
import io.pilus.lab.Daemon;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Node;
import io.pilus.lab.Partition;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.PodSpec.Port;
import io.pilus.lab.Sandbox;
import io.pilus.lab.Service;
import io.pilus.lab.Transport;
import io.pilus.lab.Witness;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** A node that does not hear the control plane, whose pods go on; identities have few numbers, so that each is soon wanted again. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CutOffNodeIT {

    private static final int LAST = 271;
    private static final Duration OFTEN = Duration.ofMillis(5);
    private static final Duration PATIENT = Duration.ofSeconds(90);
    private static final int ENOUGH = 10;

    /** Whoever comes next is welcome: a pod that is taken for it would be heard. */
    private static final String ONLY_NEXT = """
            {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
             "metadata": {"namespace": "x", "name": "only-next"},
             "spec": {"podSelector": {"matchLabels": {"role": "watcher"}}, "policyTypes": ["Ingress"],
                      "ingress": [{"from": [{"podSelector": {"matchLabels": {"role": "next"}}}]}]}}
            """;

    @SuppressWarnings("NullAway.Init")
    private Lab lab;

    @SuppressWarnings("NullAway.Init")
    private Pod watcher;

    @SuppressWarnings("NullAway.Init")
    private Pod open;

    @SuppressWarnings("NullAway.Init")
    private Witness atWatcher;

    @SuppressWarnings("NullAway.Init")
    private Witness atOpen;

    private int generation;

    @BeforeAll
    void start() {
        lab = Lab.start(LabConfig.named("pffr")
                .network(253)
                .serviceSettings(Map.of(
                        "pilus.identity.numbers.last", Integer.toString(LAST),
                        "pilus.identity.numbers.range", "4",
                        "pilus.identity.collection.quarantine", "PT1S",
                        "pilus.identity.collection.interval", "PT0.5S"))
                .agentSettings(Map.of("pilus.node.leases.cool-down", "PT0S"))
                .progress(line -> System.err.println("  " + line))
                .build());
        lab.putNamespace("x", Map.of("ns", "x"));
        lab.rest(Service.POLICY)
                .put("/v1/documents/NetworkPolicy/x/only-next?wait=enforced", ONLY_NEXT)
                .orThrow();
        watcher = lab.run(List.of(spec("watcher", "n1", Map.of("role", "watcher"))))
                .getFirst();
        open = lab.run(List.of(spec("open", "n1", Map.of("role", "open")))).getFirst();
        atWatcher = watcher.prober().witness();
        atOpen = open.prober().witness();
    }

    @AfterAll
    void end() {
        if (lab != null) {
            lab.close();
        }
    }

    @Test
    void thePodOfADeletedWorkloadIsNeverTakenForWhoComesNextWhileItsNodeIsCutOff() {
        int rounds = 3;
        int numbers = 0;

        for (int round = 0; round < rounds; round++) {
            PodSpec spec = spec("old", "n2", Map.of("role", "old", "round", "a" + round));
            Sandbox sandbox = lab.sandbox(spec);
            flood(sandbox);
            Pod old = lab.attach(sandbox, lab.register(spec));
            awaitHeard(atOpen, old);
            Set<Integer> given;
            try (Partition _ = cutOff("n2")) {
                lab.unregister(spec);
                given = useUpNumbers(old);
            }
            numbers += given.size();
            assertThat(given).as("round %d", round).doesNotContain(old.identity());
            for (int number = 256; number <= LAST; number++) {
                assertThat(awaitNumber()).as("round %d", round).isNotEqualTo(old.identity());
            }
            assertThat(heard(atWatcher, old)).as("round %d", round).isZero();
            lab.detach(old);
        }

        CaseBook.open()
                .write(
                        FaultCase.of(
                                        Chapter.IDENTITIES,
                                        "a label set is freed while its pod still runs on a node that is cut off")
                                .done(
                                        "the workload deleted behind the cut, then new label sets that are welcome until numbers run "
                                                + "out, while the old pod sends; then the cut healed and more of them; "
                                                + numbers
                                                + " numbers given behind the cut")
                                .times(rounds)
                                .lost(
                                        "nothing: the old pod's number is given to nobody, no packet of it passes for a new one's")
                                .guard(
                                        "an identity goes when no workload key and no attached pod has it: with attached pods left out and freed "
                                                + "numbers given back unheard, the old pod's number was given in the first round"));
    }

    @Test
    void thePodThatACutOffNodeAttachesAfterItsLabelSetWasFreedIsNeverTakenForAnother() {
        int rounds = 3;

        for (int round = 0; round < rounds; round++) {
            Map<String, String> labels = Map.of("role", "next", "round", "b" + round);
            PodSpec spec = spec("late", "n2", labels);
            Sandbox sandbox = lab.sandbox(spec);
            flood(sandbox);
            String uid = lab.register(spec);
            int number = number(spec);
            awaitAssigned(spec, number);
            Pod late;
            Pod again;
            try (Partition _ = cutOff("n2")) {
                lab.unregister(spec);
                await().atMost(PATIENT)
                        .until(() -> lab.rest(Service.IDENTITY)
                                        .get("/v1/identities/" + number)
                                        .status()
                                == 404);
                late = lab.attach(sandbox, uid);
                again = lab.run(List.of(spec("again", "n1", labels))).getFirst();
                assertThat(late.identity()).isEqualTo(number);
                assertThat(again.identity()).as("round %d", round).isNotEqualTo(number);
                awaitHeard(atOpen, late);
                assertThat(useUpNumbers(late)).as("round %d", round).doesNotContain(number);
                assertThat(heard(atWatcher, late)).as("round %d", round).isZero();
            }
            lab.node("n2").awaitReady();
            long then = heard(atOpen, late);
            await().atMost(PATIENT).until(() -> heard(atOpen, late) > then + ENOUGH);
            assertThat(heard(atWatcher, late)).as("round %d", round).isZero();
            lab.detach(late);
            lab.stop(again);
            awaitNumber();
        }

        CaseBook.open()
                .write(FaultCase.of(
                                Chapter.IDENTITIES,
                                "a label set is freed and used again while a node that is cut off starts its old pod")
                        .done("the workload deleted behind the cut, its identity deleted, its label set used again on "
                                + "another node; then the cut-off node attaches the pod, which sends")
                        .times(rounds)
                        .lost("nothing: the old number is given to nobody, the pod is unresolved wherever it is heard")
                        .guard(
                                "a freed number is given again when every registered node has realised that: with that left out, the "
                                        + "pod's number was given to a new label set in the first round"));
    }

    /** Gives new label sets, which are welcome at the watcher, all numbers that are left, and has none of them stay. */
    private Set<Integer> useUpNumbers(Pod running) {
        Set<Integer> given = new HashSet<>();
        List<PodSpec> registered = new ArrayList<>();
        long heard = heard(atOpen, running);
        for (boolean exhausted = false; !exhausted; ) {
            PodSpec next = next();
            Answer answer = lab.rest(Service.IDENTITY).post("/v1/workloads", workload(next));
            if (answer.status() == 201) {
                given.add(answer.json().path("identity").asInt());
                registered.add(next);
            } else {
                assertThat(answer.body()).contains("identities-exhausted");
                exhausted = true;
            }
        }
        await().atMost(PATIENT).until(() -> heard(atOpen, running) > heard + ENOUGH);
        registered.forEach(lab::unregister);
        assertThat(given).isNotEmpty();
        return given;
    }

    /** The number of a new label set, as soon as there is one left, which it does not keep. */
    private int awaitNumber() {
        PodSpec next = next();
        Answer given = await().atMost(PATIENT)
                .until(() -> lab.rest(Service.IDENTITY).post("/v1/workloads", workload(next)), Answer::succeeded);
        lab.unregister(next);
        return given.json().path("identity").asInt();
    }

    private PodSpec next() {
        generation++;
        return spec("next" + generation, "n1", Map.of("role", "next", "generation", "g" + generation));
    }

    private static String workload(PodSpec spec) {
        String labels = spec.labels().entrySet().stream()
                .map(label -> "\"%s\": \"%s\"".formatted(label.getKey(), label.getValue()))
                .reduce((one, other) -> one + ", " + other)
                .orElse("");
        return "{\"namespace\": \"x\", \"name\": \"%s\", \"node\": \"%s\", \"labels\": {%s}}"
                .formatted(spec.name(), spec.node(), labels);
    }

    private int number(PodSpec spec) {
        return lab.rest(Service.IDENTITY)
                .get("/v1/workloads/x/" + spec.name())
                .orThrow()
                .json()
                .path("identity")
                .asInt();
    }

    /** Until the node could attach it by itself: the policy of its identity is compiled, and a change after that realised there. */
    private void awaitAssigned(PodSpec spec, int number) {
        PodSpec probe = spec("probe", spec.node(), spec.labels());
        Pod pod = lab.run(List.of(probe)).getFirst();
        assertThat(pod.identity()).isEqualTo(number);
        lab.stop(pod);
        await().atMost(PATIENT)
                .until(() -> lab.rest(Service.IDENTITY)
                                .get("/v1/identities/" + number)
                                .orThrow()
                                .json()
                                .path("userCount")
                                .asInt()
                        == 1);
    }

    private Partition cutOff(String node) {
        Node cut = lab.node(node);
        List<String> controlPlane = Stream.concat(
                        Stream.of(lab.etcd()),
                        Stream.of(Service.values()).flatMap(service -> lab.replicas(service).stream()))
                .map(Daemon::netns)
                .toList();
        return lab.partition(List.of(cut.netns()), controlPlane);
    }

    private void flood(Sandbox from) {
        List<String> to = Stream.of(watcher, open)
                .flatMap(pod -> pod.addresses().stream())
                .toList();
        from.prober().flood(Transport.UDP, to, 80, OFTEN);
        from.prober().flood(Transport.TCP, to, 80, Duration.ofMillis(20));
    }

    private static void awaitHeard(Witness witness, Pod pod) {
        await().atMost(PATIENT).until(() -> heard(witness, pod) > ENOUGH);
    }

    private static long heard(Witness witness, Pod pod) {
        return pod.addresses().stream().mapToLong(witness::packetsFrom).sum();
    }

    private static PodSpec spec(String name, String node, Map<String, String> labels) {
        return new PodSpec("x", name, node, labels, List.of(Port.tcp(80), Port.udp(80)));
    }
}

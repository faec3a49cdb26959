package io.pilus.node.endpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.node.testing.TestNode;
import io.pilus.node.testing.TestPod;
import io.pilus.rest.ProblemException;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** More requests to attach than a node can have pods, all at the same moment. */
class AttachFloodIT {

    private static final int PODS = 100;
    private static final int REPEATED = 10;
    private static final int OTHERS = 2000;

    /** 16 that attach, and as many beside them. */
    private static final int THREADS = 32;

    private final TestNode node = new TestNode();
    private final List<TestPod> pods = new ArrayList<>();

    @AfterEach
    void close() {
        pods.forEach(TestPod::close);
        node.close();
    }

    @Test
    void fiveThousandRequestsAtOnceAreEachAnsweredAndLeaveNothing() throws Exception {
        long threads = threads();
        var agent = new TestAgent(
                node, UnaryOperator.identity(), List.of("10.200.0.0/24", "fd00:200::/120"), "attach-deadline", "PT5M");
        agent.answer = (container, ref, _) -> {
            if (!container.startsWith("waiting")) {
                return TestAgent.ready(ref, TestAgent.IDENTITY, TestAgent.OPEN);
            }
            Thread.sleep(5000);
            return new Readiness.NotReady(Readiness.Missing.WORKLOAD, "nobody assigned it");
        };
        List<AttachRequest> requests = new ArrayList<>();
        for (int i = 0; i < PODS; i++) {
            var pod = new TestPod();
            pods.add(pod);
            requests.addAll(Collections.nCopies(REPEATED, request("pod" + i, pod.path())));
        }
        for (int i = 0; i < OTHERS; i++) {
            requests.add(request("waiting" + i, pods.get(i % PODS).path()));
            requests.add(request("wrong" + i, "/run/netns/pilus-none-" + i));
        }
        Collections.shuffle(requests, new Random(7));
        long files = openFiles();

        Map<String, Integer> answers = attachAll(agent, requests);

        assertThat(answers)
                .isEqualTo(Map.of(
                        "attached", PODS,
                        "attached already", PODS * (REPEATED - 1),
                        "urn:pilus:problem:not-ready", OTHERS,
                        "urn:pilus:problem:no-network-namespace", OTHERS));
        assertThat(threads() - threads).as("threads that work in the kernel").isLessThanOrEqualTo(THREADS);
        assertThat(agent.endpoints.all()).hasSize(PODS);
        assertThat(agent.leases.leases()).hasSize(PODS);
        assertThat(agent.held).hasSize(PODS);

        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < PODS; i++) {
                String container = "pod" + i;
                executor.execute(() -> agent.endpoints.detach(container));
            }
        }
        assertThat(agent.endpoints.all()).isEmpty();
        assertThat(agent.leases.leases()).isEmpty();
        assertThat(agent.held).isEmpty();
        assertThat(agent.datapath.attachedPods()).isEmpty();
        assertThat(agent.datapath.endpoints().entries()).isEmpty();
        assertThat(node.netlink().links()).noneMatch(link -> PodInterface.isHostName(link.name()));
        assertThat(openFiles()).as("open files").isLessThan(files + 20);
        CaseBook.open()
                .write(
                        FaultCase.of(Chapter.FLOODS, "5,000 attach requests at once")
                                .done(
                                        "to the agent's part that attaches, on the real kernel: 100 pods ten times each, 2,000 whose workload nobody "
                                                + "assigned, 2,000 without a namespace")
                                .times(requests.size())
                                .lost("nothing: each was answered, each pod attached once, by at most " + THREADS
                                        + " threads; after detaching no device, pin, lease, map entry or file is left")
                                .guard(
                                        "turns in the order of asking, until the request's deadline: with as many threads as requests, 225 "
                                                + "worked in the kernel at once; without the deadline, who had waited too long got no answer"));
    }

    private static Map<String, Integer> attachAll(TestAgent agent, List<AttachRequest> requests) throws Exception {
        var start = new CountDownLatch(1);
        List<Future<String>> running = new ArrayList<>();
        try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
            for (AttachRequest request : requests) {
                running.add(executor.submit(() -> {
                    start.await();
                    return attach(agent, request);
                }));
            }
            start.countDown();
        }
        Map<String, Integer> answers = new TreeMap<>();
        for (Future<String> one : running) {
            answers.merge(one.get(), 1, Integer::sum);
        }
        return answers;
    }

    private static String attach(TestAgent agent, AttachRequest request) {
        try {
            return agent.endpoints.attach(request).repeated() ? "attached already" : "attached";
        } catch (ProblemException e) {
            return e.type();
        }
    }

    private static AttachRequest request(String container, String netns) {
        return new AttachRequest(
                "uid-" + container, null, null, container, netns, container.startsWith("waiting") ? "net1" : "eth0");
    }

    /** Of all agents in this process: tests before this one leave theirs. */
    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("endpoints"))
                .count();
    }

    private static long openFiles() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            return files.count();
        }
    }
}

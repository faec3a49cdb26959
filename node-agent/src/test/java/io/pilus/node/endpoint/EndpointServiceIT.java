package io.pilus.node.endpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.pilus.contract.Prefixes;
import io.pilus.netlink.Link;
import io.pilus.netlink.MacAddress;
import io.pilus.netlink.NetworkNamespace;
import io.pilus.node.datapath.Destination;
import io.pilus.node.datapath.Verdict;
import io.pilus.node.testing.TestNode;
import io.pilus.node.testing.TestPod;
import io.pilus.rest.ProblemException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class EndpointServiceIT {

    private static final List<String> BLOCKS = List.of("10.200.0.0/24", "fd00:200::/120");

    private final TestNode node = new TestNode();
    private final List<TestPod> pods = new ArrayList<>();

    @AfterEach
    void close() {
        pods.forEach(TestPod::close);
        node.close();
    }

    @Test
    void workloadsOfANodeReachEachOtherAndTheNodeAndItThem() throws Exception {
        var agent = new TestAgent(node);
        TestPod one = pod();
        TestPod two = pod();
        agent.endpoints.attach(request("c1", one));

        Attachment second = agent.endpoints.attach(request("c2", two)).attachment();

        assertThat(second.addresses()).hasSize(2);
        assertThat(second.mtu()).isEqualTo(1450);
        for (InetAddress address : addresses(second)) {
            assertThat(TestPod.reaches(one.namespace(), two.namespace(), address))
                    .isTrue();
            assertThat(TestPod.reaches(node.namespace(), two.namespace(), address))
                    .isTrue();
        }
        for (String own : List.of(TestNode.IPV4, TestNode.IPV6)) {
            assertThat(TestPod.reaches(one.namespace(), node.namespace(), InetAddress.ofLiteral(own)))
                    .isTrue();
        }
        assertThat(agent.reportedAttached).extracting(Attachment::containerId).containsExactly("c1", "c2");
    }

    @Test
    void aWorkloadWithoutItsTableReachesNobodyAndNobodyIt() throws Exception {
        var agent = new TestAgent(node);
        TestPod one = pod();
        TestPod two = pod();
        Attachment first = agent.endpoints.attach(request("c1", one)).attachment();
        agent.answer = (_, ref, _) -> TestAgent.ready(ref, TestAgent.OTHER_IDENTITY, TestAgent.NO_TABLE);

        Attachment second = agent.endpoints.attach(request("c2", two)).attachment();

        assertThat(TestPod.reaches(
                        two.namespace(), one.namespace(), addresses(first).getFirst()))
                .isFalse();
        assertThat(TestPod.reaches(
                        one.namespace(), two.namespace(), addresses(second).getFirst()))
                .isFalse();
        assertThat(agent.datapath.counters().keySet())
                .filteredOn(key -> key.verdict() == Verdict.DROP_NO_TABLE.number())
                .extracting(key -> key.endpoint())
                .contains(second.number());
    }

    @Test
    void aRepeatedCallAnswersTheSame() {
        var agent = new TestAgent(node);
        TestPod pod = pod();
        EndpointService.Outcome first = agent.endpoints.attach(request("c1", pod));

        EndpointService.Outcome second = agent.endpoints.attach(request("c1", pod));

        assertThat(first.repeated()).isFalse();
        assertThat(second.repeated()).isTrue();
        assertThat(second.attachment()).isEqualTo(first.attachment());
        assertThat(agent.reportedAttached).hasSize(1);
    }

    @Test
    void aContainerIsAttachedInOneWayOnly() {
        var agent = new TestAgent(node);
        TestPod pod = pod();
        agent.endpoints.attach(request("c1", pod));

        assertProblem(() -> agent.endpoints.attach(request("c1", pod())), "otherwise-attached", "detach it first");
        assertProblem(
                () -> agent.endpoints.attach(new AttachRequest("another", null, null, "c1", pod.path(), "eth0")),
                "otherwise-attached",
                "detach it first");
    }

    @Test
    void anInterfaceThatWasRemovedIsMadeAnewWhenAskedForAgain() throws Exception {
        var agent = new TestAgent(node);
        TestPod pod = pod();
        agent.endpoints.attach(request("c1", pod));
        pod.deleteInterface("eth0");

        EndpointService.Outcome again = agent.endpoints.attach(request("c1", pod));

        assertThat(again.repeated()).isFalse();
        assertThat(TestPod.reaches(
                        node.namespace(),
                        pod.namespace(),
                        addresses(again.attachment()).getFirst()))
                .isTrue();
    }

    @Test
    void wrongNamespacesAndTakenInterfacesAreRefusedAndLeaveNothing() throws IOException {
        var agent = new TestAgent(node);
        TestPod pod = pod();
        String file = Files.createFile(node.directory().resolve("file")).toString();

        assertProblem(
                () -> agent.endpoints.attach(request("c1", "/run/netns/pilus-none", "eth0")),
                "no-network-namespace",
                "/run/netns/pilus-none: No such file or directory");
        assertProblem(
                () -> agent.endpoints.attach(request("c1", file, "eth0")),
                "no-network-namespace",
                "the file is no network namespace");
        assertProblem(
                () -> agent.endpoints.attach(
                        request("c1", node.namespace().path().toString(), "eth0")),
                "own-network-namespace",
                "the node's own network namespace");
        assertProblem(
                () -> agent.endpoints.attach(request("c1", pod.path(), "lo")),
                "interface-taken",
                "already has an interface lo");
        assertThat(agent.held).isEmpty();
        assertNothingLeft(agent);
    }

    @Test
    void aNamespaceThatVanishesMeanwhileLeavesNothing() {
        TestPod pod = pod();
        var agent = new TestAgent(
                node,
                kernel -> new HookedKernel(kernel, step -> {
                    if (step == Step.ADMITTED) {
                        pod.close();
                    }
                }),
                BLOCKS);

        assertProblem(
                () -> agent.endpoints.attach(request("c1", pod)),
                "network-namespace-vanished",
                "went away, or became another one");

        assertThat(agent.held).isEmpty();
        assertNothingLeft(agent);
    }

    @ParameterizedTest
    @EnumSource(
            value = Step.class,
            names = {"ATTACHING", "ATTACHED", "ADMITTING", "ADMITTED"})
    void whatFailsHalfWayIsUndone(Step failing) {
        AtomicReference<@Nullable Step> failures = new AtomicReference<>(failing);
        var agent = new TestAgent(
                node,
                kernel -> new HookedKernel(kernel, step -> {
                    if (failures.compareAndSet(step, null)) {
                        throw new IllegalStateException("no more room at " + step);
                    }
                }),
                BLOCKS);
        TestPod pod = pod();

        assertProblem(() -> agent.endpoints.attach(request("c1", pod)), "kernel-refused", "no more room at " + failing);

        assertThat(pod.hasInterface("eth0")).isFalse();
        assertThat(agent.held).isEmpty();
        assertNothingLeft(agent);
        assertThat(agent.endpoints.attach(request("c1", pod)).repeated()).isFalse();
    }

    @Test
    void detachingRemovesEverythingAndMayBeRepeated() {
        var agent = new TestAgent(node);
        TestPod pod = pod();
        agent.endpoints.attach(request("c1", pod));

        agent.endpoints.detach("c1");

        assertThat(pod.hasInterface("eth0")).isFalse();
        assertNothingLeft(agent);
        assertThat(agent.held).isEmpty();
        agent.endpoints.detach("c1");
        agent.endpoints.detach("never-seen");
        assertThat(agent.reportedDetached).extracting(Attachment::containerId).containsExactly("c1");
    }

    @Test
    void theInterfaceGoesBeforeWhatJudgesIt() {
        AtomicReference<@Nullable Step> failures = new AtomicReference<>();
        List<Link> unjudged = new ArrayList<>();
        List<Step> steps = new ArrayList<>();
        var agent = new TestAgent(
                node,
                kernel -> new HookedKernel(kernel, step -> {
                    if (failures.compareAndSet(step, null)) {
                        throw new IllegalStateException("no more room");
                    }
                    if (step == Step.DETACHING || step == Step.DISMISSING) {
                        steps.add(step);
                        unjudged.addAll(podLinks());
                    }
                }),
                BLOCKS);
        agent.endpoints.attach(request("c1", pod()));

        agent.endpoints.detach("c1");
        failures.set(Step.ADMITTED);
        assertThatThrownBy(() -> agent.endpoints.attach(request("c2", pod()))).hasMessageContaining("no more room");

        assertThat(steps).containsExactly(Step.DETACHING, Step.DISMISSING, Step.DETACHING, Step.DISMISSING);
        assertThat(unjudged).isEmpty();
        assertNothingLeft(agent);
    }

    @ParameterizedTest
    @EnumSource(
            value = Step.class,
            names = {"DETACHING", "DETACHED", "DISMISSING", "DISMISSED"})
    void whatFailsWhileDetachingIsFinishedByAskingAgain(Step failing) {
        AtomicReference<@Nullable Step> failures = new AtomicReference<>();
        var agent = new TestAgent(
                node,
                kernel -> new HookedKernel(kernel, step -> {
                    if (failures.compareAndSet(step, null)) {
                        throw new IllegalStateException("refused at " + step);
                    }
                }),
                BLOCKS);
        Attachment attachment = agent.endpoints.attach(request("c1", pod())).attachment();
        failures.set(failing);

        assertThatThrownBy(() -> agent.endpoints.detach("c1")).hasMessage("refused at " + failing);
        assertThat(agent.endpoints.all()).containsExactly(attachment);
        assertThat(agent.reportedDetached).isEmpty();
        agent.endpoints.detach("c1");

        assertNothingLeft(agent);
        assertThat(agent.held).isEmpty();
        assertThat(agent.reportedDetached).containsExactly(attachment);
    }

    @Test
    void aLeaseThatCouldNotBeGivenBackIsGivenBackByAskingAgain() throws IOException {
        var agent = new TestAgent(node);
        Attachment attachment = agent.endpoints.attach(request("c1", pod())).attachment();
        Path obstacle = Files.createDirectory(node.directory()
                .resolve("state/leases")
                .resolve(attachment.addresses().stream().map(Prefixes::format).collect(Collectors.joining("+"))
                        + ".tmp"));

        assertProblem(() -> agent.endpoints.detach("c1"), "state-not-writable", "has room and is writable");
        assertThat(agent.endpoints.all()).containsExactly(attachment);
        Files.delete(obstacle);
        agent.endpoints.detach("c1");

        assertNothingLeft(agent);
    }

    @Test
    void anotherIdentityThatComesWhileDetachingBringsNothingBack() {
        AtomicReference<@Nullable TestAgent> self = new AtomicReference<>();
        var agent = new TestAgent(
                node,
                kernel -> new HookedKernel(kernel, step -> {
                    TestAgent running = self.get();
                    if (running != null) {
                        running.endpoints.changeIdentity("c1", TestAgent.OTHER_IDENTITY, TestAgent.ALSO_OPEN);
                    }
                }),
                BLOCKS);
        agent.endpoints.attach(request("c1", pod()));
        self.set(agent);

        agent.endpoints.detach("c1");

        assertNothingLeft(agent);
        assertThat(agent.reportedAttached).extracting(Attachment::identity).containsExactly(TestAgent.IDENTITY);
    }

    @Test
    void detachingActsOnTheContainerThatItNamesAlone() throws Exception {
        var agent = new TestAgent(node);
        TestPod old = pod();
        TestPod sandbox = pod();
        agent.endpoints.attach(request("old", old));
        Attachment fresh = agent.endpoints
                .attach(new AttachRequest("uid-old", null, null, "fresh", sandbox.path(), "eth0"))
                .attachment();

        agent.endpoints.detach("old");

        assertThat(TestPod.reaches(
                        node.namespace(), sandbox.namespace(), addresses(fresh).getFirst()))
                .isTrue();
        assertThat(agent.endpoints.all()).containsExactly(fresh);
    }

    @Test
    void aWorkloadWhoseNamespaceIsGoneIsDetached() {
        var agent = new TestAgent(node);
        TestPod pod = pod();
        agent.endpoints.attach(request("c1", pod));
        pod.close();
        await().until(() -> podLinks().isEmpty());

        agent.endpoints.detach("c1");

        assertNothingLeft(agent);
    }

    @Test
    void detachingEndsTheWaitingToBeAttached() throws Exception {
        var agent = new TestAgent(node);
        var waiting = new CountDownLatch(1);
        agent.answer = (_, _, _) -> {
            waiting.countDown();
            Thread.sleep(60_000);
            throw new AssertionError("nobody put an end to it");
        };
        CompletableFuture<EndpointService.Outcome> attaching =
                CompletableFuture.supplyAsync(() -> agent.endpoints.attach(request("c1", pod())));
        waiting.await();

        agent.endpoints.detach("c1");

        assertThatThrownBy(attaching::join)
                .isInstanceOf(CompletionException.class)
                .hasRootCauseMessage("container c1 was detached while it waited to be attached");
        assertNothingLeft(agent);
    }

    @Test
    void whoWaitsTooLongForATurnIsToldAndKeepsNobodyFromTheirs() throws Exception {
        var inside = new CountDownLatch(1);
        var release = new CompletableFuture<Void>();
        var agent = new TestAgent(
                node,
                kernel -> new HookedKernel(kernel, step -> {
                    if (step == Step.ADMITTING) {
                        inside.countDown();
                        release.join();
                    }
                }),
                BLOCKS,
                "attach-concurrency",
                "1",
                "attach-deadline",
                "PT1S");
        TestPod one = pod();
        TestPod two = pod();
        CompletableFuture<EndpointService.Outcome> first =
                CompletableFuture.supplyAsync(() -> agent.endpoints.attach(request("c1", one)));
        inside.await();

        var second = CompletableFuture.supplyAsync(() -> agent.endpoints.attach(request("c2", two)));
        assertThatThrownBy(() -> second.get(1, TimeUnit.MINUTES))
                .cause()
                .isInstanceOfSatisfying(
                        ProblemException.class,
                        problem -> assertThat(problem.type()).isEqualTo("urn:pilus:problem:agent-busy"))
                .hasMessageContaining("within PT1S");

        release.complete(null);
        assertThat(first.get().repeated()).isFalse();
        assertThat(agent.endpoints.attach(request("c2", two)).repeated()).isFalse();
    }

    @Test
    void detachingWhileALeaseIsWrittenLetsTheWriteEnd() {
        var agent = new TestAgent(node);
        agent.leasing = () -> {
            agent.leasing = () -> {};
            Thread detaching = Thread.ofPlatform().start(() -> agent.endpoints.detach("c1"));
            while (detaching.getState() != Thread.State.WAITING) {
                Thread.onSpinWait();
            }
        };

        assertProblem(
                () -> agent.endpoints.attach(request("c1", pod())),
                "detached-meanwhile",
                "container c1 was detached while it waited");

        assertNothingLeft(agent);
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(agent.endpoints.attach(request("c1", pod())).repeated()).isFalse();
    }

    @Test
    void theProblemNamesTheHalfThatIsMissing() {
        var agent = new TestAgent(node);
        agent.answer = (_, _, _) -> new Readiness.NotReady(Readiness.Missing.IDENTITY_POLICY, "it has not come");

        assertThatThrownBy(() -> agent.endpoints.attach(request("c1", pod())))
                .isInstanceOfSatisfying(ProblemException.class, problem -> {
                    assertThat(problem.type()).isEqualTo("urn:pilus:problem:not-ready");
                    assertThat(problem.status().getStatusCode()).isEqualTo(503);
                    assertThat(problem.members()).containsEntry("missing", "identity-policy");
                    assertThat(problem.detail()).contains("uid-c1").contains("it has not come");
                });
        assertNothingLeft(agent);
    }

    @Test
    void itWaitsForAnAddressUntilTheDeadline() {
        var agent = new TestAgent(node, UnaryOperator.identity(), List.of(), "attach-deadline", "PT0.5S");
        TestPod pod = pod();

        assertThatThrownBy(() -> agent.endpoints.attach(request("c1", pod)))
                .isInstanceOfSatisfying(ProblemException.class, problem -> {
                    assertThat(problem.type()).isEqualTo("urn:pilus:problem:not-ready");
                    assertThat(problem.members()).containsEntry("missing", "address");
                });
        assertNothingLeft(agent);
    }

    @Test
    void anAddressThatComesInTimeIsTaken() throws Exception {
        var agent = new TestAgent(node, UnaryOperator.identity(), List.of());
        TestPod pod = pod();
        CompletableFuture<EndpointService.Outcome> attaching =
                CompletableFuture.supplyAsync(() -> agent.endpoints.attach(request("c1", pod)));
        Thread.sleep(300);
        assertThat(attaching).isNotDone();

        agent.grant(BLOCKS);

        assertThat(attaching.get().attachment().addresses()).hasSize(2);
    }

    @Test
    void anotherIdentityIsInForceAtOnce() {
        var agent = new TestAgent(node);
        Attachment before = agent.endpoints.attach(request("c1", pod())).attachment();

        agent.endpoints.changeIdentity("c1", TestAgent.OTHER_IDENTITY, TestAgent.ALSO_OPEN);

        Attachment after = agent.endpoints.byNumber(before.number()).orElseThrow();
        assertThat(after).isEqualTo(before.judged(TestAgent.OTHER_IDENTITY, TestAgent.ALSO_OPEN));
        assertThat(agent.datapath.endpoints().get(after.ifindex()).orElseThrow().slot())
                .isEqualTo(TestAgent.ALSO_OPEN);
        assertThat(after.addresses())
                .allSatisfy(address -> assertThat(
                                agent.datapath.destinations().get(address).orElseThrow())
                        .extracting(Destination::identity, Destination::slot)
                        .containsExactly(TestAgent.OTHER_IDENTITY, TestAgent.ALSO_OPEN));
        assertThat(agent.reportedAttached.getLast()).isEqualTo(after);
        agent.endpoints.changeIdentity("never-seen", 400, 4);
        assertThat(new TestAgent(node).endpoints.all()).containsExactly(after);
    }

    @Test
    void anIdentityThatChangedDuringTheAttachmentIsCaughtUpWith() {
        var agent = new TestAgent(node);
        agent.answer = (container, ref, _) -> agent.held.contains(container)
                ? TestAgent.ready(ref, TestAgent.OTHER_IDENTITY, TestAgent.ALSO_OPEN)
                : TestAgent.ready(ref, TestAgent.IDENTITY, TestAgent.OPEN);

        agent.endpoints.attach(request("c1", pod()));

        assertThat(agent.endpoints.all())
                .extracting(Attachment::identity, Attachment::slot)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(TestAgent.OTHER_IDENTITY, TestAgent.ALSO_OPEN));
    }

    @Test
    void aRestartKeepsWhatIsAttachedAndLosesNoPacket() throws Exception {
        var before = new TestAgent(node);
        TestPod one = pod();
        TestPod two = pod();
        before.endpoints.attach(request("c1", one));
        Attachment second = before.endpoints.attach(request("c2", two)).attachment();
        var stop = new CountDownLatch(1);
        CompletableFuture<Integer> sent = CompletableFuture.supplyAsync(() -> {
            int count = 0;
            while (stop.getCount() > 0) {
                if (!TestPod.reaches(
                        one.namespace(), two.namespace(), addresses(second).getFirst())) {
                    throw new AssertionError("packet " + count + " was lost");
                }
                count++;
            }
            return count;
        });

        for (int i = 0; i < 3; i++) {
            var after = new TestAgent(node);
            assertThat(after.endpoints.all()).isEqualTo(before.endpoints.all());
        }

        stop.countDown();
        assertThat(sent.get()).isPositive();
        var last = new TestAgent(node);
        Attachment third = last.endpoints.attach(request("c3", pod())).attachment();
        assertThat(last.endpoints.all()).extracting(Attachment::number).doesNotHaveDuplicates();
        assertThat(third.addresses()).doesNotContainAnyElementsOf(second.addresses());
    }

    @Test
    void aRestartDetachesWhatIsGone() {
        var before = new TestAgent(node);
        TestPod gone = pod();
        before.endpoints.attach(request("c1", gone));
        Attachment kept = before.endpoints.attach(request("c2", pod())).attachment();
        gone.close();
        await().until(() -> podLinks().size() == 1);

        var after = new TestAgent(node);

        assertThat(after.endpoints.all()).containsExactly(kept);
        assertThat(after.datapath.attachedPods()).containsExactly(kept.hostInterface());
        assertThat(after.datapath.endpoints().entries()).containsOnlyKeys(kept.ifindex());
        assertThat(after.leases.leases()).hasSize(1);
    }

    @Test
    void leasesThatWereLostAreTheAttachedOnesAgain() throws IOException {
        var before = new TestAgent(node);
        Attachment attachment = before.endpoints.attach(request("c1", pod())).attachment();
        try (Stream<Path> files = Files.list(node.directory().resolve("state/leases"))) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }

        var after = new TestAgent(node);

        assertThat(after.leases.lease("c1", "eth0").orElseThrow().addresses()).isEqualTo(attachment.addresses());
    }

    /** The agent dies at a step of attaching; the caller got no answer. */
    @ParameterizedTest
    @EnumSource(
            value = Step.class,
            names = {"ATTACHING", "ATTACHED", "ADMITTING", "ADMITTED"})
    void aCrashWhileAttachingLeavesNothing(Step crash) throws Exception {
        TestPod pod = pod();
        crash(crash, agent -> agent.endpoints.attach(request("c1", pod)));

        var after = new TestAgent(node);

        assertThat(after.endpoints.all()).isEmpty();
        assertNothingLeft(after);
        assertThat(pod.hasInterface("eth0")).isFalse();
        Attachment attachment = after.endpoints.attach(request("c1", pod)).attachment();
        assertThat(TestPod.reaches(
                        node.namespace(), pod.namespace(), addresses(attachment).getFirst()))
                .isTrue();
    }

    @Test
    void aCrashBeforeTheEndpointIsOnDiskLeavesNothing() throws IOException {
        TestPod pod = pod();
        new TestAgent(node).endpoints.attach(request("c1", pod));
        Files.delete(node.directory().resolve("state/endpoints/c1"));

        var after = new TestAgent(node);

        assertThat(after.endpoints.all()).isEmpty();
        assertNothingLeft(after);
        assertThat(pod.hasInterface("eth0")).isFalse();
    }

    /** The agent dies at a step of detaching; the caller asks again. */
    @ParameterizedTest
    @EnumSource(
            value = Step.class,
            names = {"DISMISSING", "DISMISSED", "DETACHING", "DETACHED"})
    void aCrashWhileDetachingIsFinishedByAskingAgain(Step crash) throws Exception {
        TestPod pod = pod();
        TestPod other = pod();
        new TestAgent(node).endpoints.attach(request("other", other));
        new TestAgent(node).endpoints.attach(request("c1", pod));
        crash(crash, agent -> agent.endpoints.detach("c1"));

        var after = new TestAgent(node);
        after.endpoints.detach("c1");

        assertThat(pod.hasInterface("eth0")).isFalse();
        assertThat(after.endpoints.all()).extracting(Attachment::containerId).containsExactly("other");
        assertThat(podLinks()).hasSize(1);
        assertThat(after.leases.leases()).hasSize(1);
        assertThat(TestPod.reaches(
                        node.namespace(),
                        other.namespace(),
                        addresses(after.endpoints.all().getFirst()).getFirst()))
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "{\"uid\": 5"})
    void anEndpointThatCannotBeReadCountsAsNotAttached(String damaged) throws IOException {
        TestPod pod = pod();
        new TestAgent(node).endpoints.attach(request("c1", pod));
        Files.writeString(node.directory().resolve("state/endpoints/c1"), damaged);

        var after = new TestAgent(node);

        assertThat(after.endpoints.all()).isEmpty();
        assertThat(after.endpoints.attach(request("c1", pod)).repeated()).isFalse();
    }

    @Test
    void fiftyAtOnceAgainAndAgain() throws Exception {
        var agent = new TestAgent(node, UnaryOperator.identity(), List.of("10.200.0.0/22", "fd00:200::/118"));
        for (int round = 0; round < 3; round++) {
            List<TestPod> all = Stream.generate(this::pod).limit(50).toList();
            try (var callers = Executors.newVirtualThreadPerTaskExecutor()) {
                for (int i = 0; i < 50; i++) {
                    AttachRequest request = request("r" + round + "-" + i, all.get(i));
                    callers.execute(() -> agent.endpoints.attach(request));
                }
            }
            List<Attachment> attached = agent.endpoints.all();
            assertThat(attached).hasSize(50);
            assertThat(attached).extracting(Attachment::number).doesNotHaveDuplicates();
            assertThat(attached)
                    .flatExtracting(Attachment::addresses)
                    .hasSize(100)
                    .doesNotHaveDuplicates();
            Set<Integer> indexes = new HashSet<>();
            podLinks().forEach(link -> indexes.add(link.index()));
            assertThat(attached).extracting(Attachment::ifindex).containsExactlyInAnyOrderElementsOf(indexes);
            assertThat(TestPod.reaches(
                            all.getFirst().namespace(),
                            byContainer(all, attached.getLast(), round).namespace(),
                            addresses(attached.getLast()).getFirst()))
                    .isTrue();

            try (var callers = Executors.newVirtualThreadPerTaskExecutor()) {
                attached.forEach(attachment -> callers.execute(() -> agent.endpoints.detach(attachment.containerId())));
            }
            assertNothingLeft(agent);
        }
        assertThat(agent.reportedAttached).hasSize(150);
        assertThat(agent.reportedDetached).hasSize(150);
    }

    private static TestPod byContainer(List<TestPod> all, Attachment attachment, int round) {
        return all.get(Integer.parseInt(attachment.containerId().substring(("r" + round + "-").length())));
    }

    /** Has an agent stop for ever at a step, as if it had been killed there. */
    private void crash(Step crash, Consumer<TestAgent> work) throws InterruptedException {
        var reached = new CountDownLatch(1);
        var agent = new TestAgent(
                node,
                kernel -> new HookedKernel(kernel, step -> {
                    if (step == crash) {
                        reached.countDown();
                        sleepForEver();
                    }
                }),
                BLOCKS);
        Thread.ofPlatform().daemon().start(() -> work.accept(agent));
        reached.await();
        // the program is attached beside the netlink work, which goes on for a moment
        Thread.sleep(100);
    }

    private static void sleepForEver() {
        try {
            Thread.sleep(Long.MAX_VALUE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void assertNothingLeft(TestAgent agent) {
        assertThat(podLinks()).isEmpty();
        assertThat(agent.endpoints.all()).isEmpty();
        assertThat(agent.datapath.attachedPods()).isEmpty();
        assertThat(agent.datapath.endpoints().entries()).isEmpty();
        assertThat(agent.datapath.destinations().entries().values())
                .extracting(Destination::flags)
                .doesNotContain(Destination.LOCAL);
        assertThat(agent.leases.leases()).isEmpty();
        assertThat(node.directory().resolve("state/endpoints")).isEmptyDirectory();
    }

    private List<Link> podLinks() {
        return node.netlink().links().stream()
                .filter(link -> PodInterface.isHostName(link.name()))
                .toList();
    }

    private TestPod pod() {
        var pod = new TestPod();
        pods.add(pod);
        return pod;
    }

    private static AttachRequest request(String containerId, TestPod pod) {
        return request(containerId, pod.path(), "eth0");
    }

    private static AttachRequest request(String containerId, String netns, String interfaceName) {
        return new AttachRequest("uid-" + containerId, null, null, containerId, netns, interfaceName);
    }

    private static List<InetAddress> addresses(Attachment attachment) {
        return attachment.addresses().stream()
                .map(address -> {
                    try {
                        return InetAddress.getByAddress(address.toByteArray());
                    } catch (UnknownHostException e) {
                        throw new IllegalStateException(e);
                    }
                })
                .toList();
    }

    private static void assertProblem(
            org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String slug, String detail) {
        assertThatThrownBy(call).isInstanceOfSatisfying(ProblemException.class, problem -> {
            assertThat(problem.type()).isEqualTo("urn:pilus:problem:" + slug);
            assertThat(problem.detail()).contains(detail);
        });
    }

    /** Where a test may step in. */
    enum Step {
        ATTACHING,
        ATTACHED,
        ADMITTING,
        ADMITTED,
        DISMISSING,
        DISMISSED,
        DETACHING,
        DETACHED
    }

    /** The real kernel, with something to be done at each step. */
    private record HookedKernel(PodKernel kernel, Consumer<Step> hook) implements PodKernel {

        @Override
        public NetworkNamespace namespace() {
            return kernel.namespace();
        }

        @Override
        public int podMtu() {
            return kernel.podMtu();
        }

        @Override
        public MacAddress gateway() {
            return kernel.gateway();
        }

        @Override
        public void attach(String hostInterface, int ifindex) {
            hook.accept(Step.ATTACHING);
            kernel.attach(hostInterface, ifindex);
            hook.accept(Step.ATTACHED);
        }

        @Override
        public void detach(String hostInterface) {
            hook.accept(Step.DETACHING);
            kernel.detach(hostInterface);
            hook.accept(Step.DETACHED);
        }

        @Override
        public void admit(Attachment attachment, MacAddress podMac) {
            hook.accept(Step.ADMITTING);
            kernel.admit(attachment, podMac);
            hook.accept(Step.ADMITTED);
        }

        @Override
        public void dismiss(Attachment attachment) {
            hook.accept(Step.DISMISSING);
            kernel.dismiss(attachment);
            hook.accept(Step.DISMISSED);
        }

        @Override
        public void sweep(Collection<Attachment> all) {
            kernel.sweep(all);
        }

        @Override
        public int highestNumber() {
            return kernel.highestNumber();
        }
    }
}

package io.pilus.node.endpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.ByteString;
import io.pilus.netlink.Link;
import io.pilus.node.testing.TestNode;
import io.pilus.node.testing.TestPod;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Attaching by an interface that was made ahead of need, on the real kernel. */
class SpareInterfacesIT {

    private final TestNode node = new TestNode();
    private final List<TestPod> pods = new ArrayList<>();
    private TestAgent agent = start();

    @AfterEach
    void close() {
        agent.endpoints.close();
        pods.forEach(TestPod::close);
        node.close();
    }

    @Test
    void aWorkloadGetsASpareAndAnotherIsMade() throws Exception {
        awaitHostInterfaces(2);
        List<String> spares = hostInterfaces();
        TestPod pod = pod();

        Attachment attachment = attach("c1", pod);

        assertThat(attachment.hostInterface()).isIn(spares);
        assertReachable(attachment, pod);
        awaitHostInterfaces(3);
        assertThat(agent.datapath.attachedPods()).containsExactlyInAnyOrderElementsOf(hostInterfaces());

        agent.endpoints.detach("c1");

        assertThat(pod.hasInterface("eth0")).isFalse();
        assertThat(hostInterfaces()).hasSize(2).doesNotContain(attachment.hostInterface());
        assertThat(agent.datapath.attachedPods()).doesNotContain(attachment.hostInterface());
    }

    @Test
    void moreWorkloadsAtOnceThanThereAreSparesAreAllAttached() throws Exception {
        awaitHostInterfaces(2);
        List<Future<Attachment>> attached = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 8; i++) {
                String container = "c" + i;
                TestPod pod = pod();
                attached.add(threads.submit(() -> attach(container, pod)));
            }
        }

        for (int i = 0; i < attached.size(); i++) {
            assertReachable(attached.get(i).get(), pods.get(i));
        }
    }

    @Test
    void sparesEndWithTheAgentAndWhatIsAttachedStays() throws Exception {
        awaitHostInterfaces(2);
        TestPod pod = pod();
        Attachment attachment = attach("c1", pod);

        agent.endpoints.close();

        assertThat(hostInterfaces()).containsExactly(attachment.hostInterface());
        assertReachable(attachment, pod);

        agent = start();

        assertReachable(attachment, pod);
        awaitHostInterfaces(3);
    }

    private TestAgent start() {
        return new TestAgent(
                node, UnaryOperator.identity(), List.of("10.200.0.0/24", "fd00:200::/120"), "spare-interfaces", "2");
    }

    private Attachment attach(String container, TestPod pod) {
        return agent.endpoints
                .attach(new AttachRequest("uid-" + container, null, null, container, pod.path(), "eth0"))
                .attachment();
    }

    private void assertReachable(Attachment attachment, TestPod pod) throws Exception {
        for (ByteString address : attachment.addresses()) {
            assertThat(TestPod.reaches(
                            node.namespace(), pod.namespace(), InetAddress.getByAddress(address.toByteArray())))
                    .isTrue();
        }
    }

    private void awaitHostInterfaces(int count) {
        await().untilAsserted(() -> assertThat(hostInterfaces()).hasSize(count));
        await().untilAsserted(() -> assertThat(agent.datapath.attachedPods()).hasSize(count));
    }

    private List<String> hostInterfaces() {
        return node.netlink().links().stream()
                .map(Link::name)
                .filter(PodInterface::isHostName)
                .toList();
    }

    private TestPod pod() {
        var pod = new TestPod();
        pods.add(pod);
        return pod;
    }
}

package io.pilus.faults;

import static org.awaitility.Awaitility.await;

import io.pilus.lab.Answer;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.LabException;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.PodSpec.Port;
import io.pilus.lab.ProbeResult;
import io.pilus.lab.Service;
import io.pilus.lab.Transport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Two nodes with a server that a policy opens to its friends, on both nodes, and to whom a role names. */
final class Scene implements AutoCloseable {

    static final int PORT = 80;
    static final Map<String, String> FRIENDLY = Map.of("role", "friend");
    private static final String NAMESPACE = "f";
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Duration GLANCE = Duration.ofMillis(500);

    private final Lab lab;
    private final List<Pod> pods;

    Scene(LabConfig config) {
        this.lab = Lab.start(config);
        lab.putNamespace(NAMESPACE, Map.of());
        admit("early");
        this.pods = new ArrayList<>(lab.run(List.of(
                new PodSpec(
                        NAMESPACE, "server", "n2", Map.of("app", "server"), List.of(Port.tcp(PORT), Port.udp(PORT))),
                new PodSpec(NAMESPACE, "far", "n1", FRIENDLY, List.of()),
                new PodSpec(NAMESPACE, "near", "n2", FRIENDLY, List.of()),
                new PodSpec(NAMESPACE, "stranger", "n1", Map.of("role", "stranger"), List.of()),
                new PodSpec(NAMESPACE, "early", "n1", Map.of("role", "early"), List.of()),
                new PodSpec(NAMESPACE, "late", "n1", Map.of("role", "late"), List.of()))));
        awaitAdmitted(early(), late());
    }

    Lab lab() {
        return lab;
    }

    Pod server() {
        return pods.get(0);
    }

    /** One on the other node, one on the server's. */
    List<Pod> friends() {
        return pods.subList(1, 3);
    }

    Pod stranger() {
        return pods.get(3);
    }

    private Pod early() {
        return pods.get(4);
    }

    private Pod late() {
        return pods.get(5);
    }

    /**
     * Starts the pods of a node that was switched off, as its kubelet does.
     *
     * @return whether all of them are attached
     */
    boolean restartPodsOf(String node) {
        for (int i = 0; i < pods.size(); i++) {
            Pod pod = pods.get(i);
            if (pod.node().equals(node) && !lab.pods().contains(pod)) {
                try {
                    pods.set(i, lab.run(pod.spec(), pod.uid()));
                } catch (LabException _) {
                    return false;
                }
            }
        }
        return true;
    }

    Traffic traffic() {
        return Traffic.start(server(), PORT, friends(), List.of(stranger()));
    }

    Churn churn(String node) {
        return Churn.start(lab, node, server(), PORT, FRIENDLY);
    }

    /** Lets the late one in and the early one no longer, as soon as policy-service takes it. */
    void turn() {
        admit("late");
    }

    /** Waits until that is so. */
    void awaitTurned() {
        awaitAdmitted(late(), early());
    }

    void turnBack() {
        admit("early");
        awaitAdmitted(early(), late());
    }

    private void admit(String role) {
        String policy = """
                {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "f", "name": "friends"},
                 "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"],
                          "ingress": [{"from": [{"podSelector": {"matchExpressions":
                            [{"key": "role", "operator": "In", "values": ["friend", "%s"]}]}}]}]}}
                """.formatted(role);
        await().atMost(PATIENCE).until(() -> accepted(policy));
    }

    private boolean accepted(String policy) {
        try {
            Answer answer = lab.rest(Service.POLICY).put("/v1/documents/NetworkPolicy/f/friends", policy);
            return answer.succeeded();
        } catch (LabException _) {
            return false;
        }
    }

    private void awaitAdmitted(Pod in, Pod out) {
        await().atMost(PATIENCE).until(() -> answered(in) && !answered(out));
    }

    private boolean answered(Pod from) {
        return probe(from).answered();
    }

    ProbeResult probe(Pod from) {
        return from.prober().probe(Transport.TCP, server().ipv4(), PORT, GLANCE).join();
    }

    @Override
    public void close() {
        lab.close();
    }
}

package io.pilus.bench;

import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Node;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.Routing;
import io.pilus.lab.Service;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Two nodes with Pilus, wired as the peers are: by one veth pair, with no bridge in between. The nodes reach etcd by another
 * device. A client and a server stand on the first node and a server on the second; policy isolates all of them in both
 * directions and allows what is measured.
 */
final class Cluster implements AutoCloseable {

    /** As results call it. */
    static final String PILUS = "Pilus";

    private static final String UPLINK = "eth1";
    private static final String POLICIES = """
            {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
             "metadata": {"name": "%1$s", "namespace": "default"},
             "spec": {"podSelector": {"matchLabels": {"role": "%1$s"}},
                      "policyTypes": ["Ingress", "Egress"],
                      "%2$s": [{"%3$s": [{"podSelector": {"matchLabels": {"role": "%4$s"}}}],
                                "ports": [{"protocol": "TCP", "port": %5$d}, {"protocol": "UDP", "port": %5$d}]}]}}
            """;

    private final Lab lab;
    private final Pod client;
    private final Pod near;
    private final Pod far;

    private Cluster(Lab lab) {
        this.lab = lab;
        List<Pod> pods = lab.run(List.of(pod("client", "n1"), pod("near", "n1"), pod("far", "n2")));
        this.client = pods.get(0);
        this.near = pods.get(1);
        this.far = pods.get(2);
    }

    /**
     * Starts etcd, the services and both agents, and returns once policy is enforced.
     *
     * @throws io.pilus.lab.LabException with what could not be started, and why
     */
    static Cluster start(Routing routing, Run run) {
        String name = switch (routing) {
            case NATIVE -> "pbnative";
            case VXLAN -> "pbvxlan";
        };
        int network = switch (routing) {
            case NATIVE -> 201;
            case VXLAN -> 202;
        };
        run.progress().begin("starting two nodes, " + routing.name().toLowerCase(Locale.ROOT));
        Lab lab = Lab.start(LabConfig.named(name)
                .network(network)
                .routing(routing)
                .home(run.home())
                .withoutAgents()
                .agentSettings(Map.of("pilus.node.uplink", UPLINK))
                .progress(run.progress()::step)
                .build());
        try {
            wire(lab);
            lab.nodes().forEach(node -> node.agent().start());
            lab.nodes().forEach(Node::awaitReady);
            var cluster = new Cluster(lab);
            cluster.isolate();
            return cluster;
        } catch (RuntimeException e) {
            lab.close();
            throw e;
        }
    }

    PacketPath sameNode(String name) {
        return path(name, near);
    }

    PacketPath acrossNodes(String name) {
        return path(name, far);
    }

    @Override
    public void close() {
        lab.close();
    }

    private PacketPath path(String name, Pod server) {
        return new PacketPath(name, file(client), file(server), server.ipv4(), server.ipv6());
    }

    private static Path file(Pod pod) {
        return ReferencePaths.NAMESPACES.resolve(pod.netns());
    }

    private static PodSpec pod(String name, String node) {
        String role = name.equals("client") ? "client" : "server";
        return new PodSpec("default", name, node, Map.of("role", role), List.of());
    }

    /** A wire of its own between the nodes, and their addresses on it. */
    private static void wire(Lab lab) {
        Node left = lab.nodes().getFirst();
        Node right = lab.nodes().getLast();
        Wire.join(left.netns(), right.netns(), UPLINK);
        register(lab, left, Wire.LEFT);
        register(lab, right, Wire.RIGHT);
    }

    private static void register(Lab lab, Node node, Wire end) {
        String body = "{\"labels\": {}, \"addresses\": [\"%s\", \"%s\"]}".formatted(end.ipv4(), end.ipv6());
        lab.rest(Service.IDENTITY).put("/v1/nodes/" + node.name(), body).orThrow();
    }

    private void isolate() {
        Policies.enforce(lab, "client", POLICIES.formatted("client", "egress", "to", "server", LoadGenerator.PORT));
        Policies.enforce(lab, "server", POLICIES.formatted("server", "ingress", "from", "client", LoadGenerator.PORT));
    }
}

package io.pilus.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The peers: network namespaces with the same two pods behind other datapaths. All of them stand at once, each in
 * namespaces of its own, so that nothing is attached or detached between two measurements.
 */
final class ReferencePaths implements AutoCloseable {

    static final String BARE = "bare veth";
    static final String PEER = "bpf_redirect_peer alone";
    static final String LPM = "LPM tries each packet";
    static final String ROUTING = "host routing";
    static final String NFTABLES = "host routing with nftables";
    static final String NODE = "node to node";
    static final String FORWARDING = "BPF forwarding alone";

    /** Where {@code ip netns} keeps what it names. */
    static final Path NAMESPACES = Path.of("/run/netns");

    private static final String GATEWAY4 = "169.254.1.1";
    private static final String GATEWAY6 = "fe80::1";

    /** A connection tracker in front of a service map and an accept rule, as kube-proxy and a policy agent would have it. */
    private static final String RULES = """
            table inet bench {
                map services { type ipv4_addr . inet_service : verdict; }
                map services6 { type ipv6_addr . inet_service : verdict; }
                chain prerouting {
                    type nat hook prerouting priority dstnat;
                    ip daddr . tcp dport vmap @services
                    ip6 daddr . tcp dport vmap @services6
                }
                chain forward {
                    type filter hook forward priority filter; policy drop;
                    ct state established,related accept
                    meta l4proto { tcp, udp } th dport 7777 ct state new accept
                    meta l4proto { icmp, icmpv6 } accept
                }
            }
            """;

    /** One of the two pods of every peer. */
    private enum Pod {
        A("a", "10.100.0.10", "fd00:100::10", "02:00:00:00:0a:01", "02:00:00:00:0a:02"),
        B("b", "10.100.0.11", "fd00:100::11", "02:00:00:00:0b:01", "02:00:00:00:0b:02");

        private final String label;
        private final String ipv4;
        private final String ipv6;
        private final String mac;
        private final String hostMac;

        Pod(String label, String ipv4, String ipv6, String mac, String hostMac) {
            this.label = label;
            this.ipv4 = ipv4;
            this.ipv6 = ipv6;
            this.mac = mac;
            this.hostMac = hostMac;
        }

        String hostDevice() {
            return "pod-" + label;
        }
    }

    private final Tools tools;
    private final List<PacketPath> paths = new ArrayList<>();
    private final ScratchNamespaces namespaces = new ScratchNamespaces();
    private final List<Process> holders = new ArrayList<>();

    private ReferencePaths(Tools tools) {
        this.tools = tools;
    }

    /** Two pods on one node. */
    static ReferencePaths onOneNode(Tools tools) {
        var all = new ReferencePaths(tools);
        return all.open(() -> {
            all.wire(BARE, "bare");
            all.oneNode(PEER, "peer", "forward_in");
            all.oneNode(LPM, "lpm", "lpm_in");
            all.oneNode(ROUTING, "route", null);
            all.filter(all.oneNode(NFTABLES, "nft", null));
        });
    }

    /** One pod on each of two nodes. */
    static ReferencePaths acrossNodes(Tools tools) {
        var all = new ReferencePaths(tools);
        return all.open(() -> {
            all.wire(NODE, "node");
            all.twoNodes(FORWARDING, "fwd2", "forward_in", "forward_out");
            all.twoNodes(LPM, "lpm2", "lpm_in", "lpm_out");
            all.twoNodes(ROUTING, "route2", null, null);
            all.twoNodes(NFTABLES, "nft2", null, null).forEach(all::filter);
        });
    }

    List<PacketPath> paths() {
        return List.copyOf(paths);
    }

    @Override
    public void close() {
        holders.forEach(Process::destroy);
        namespaces.close();
    }

    private ReferencePaths open(Runnable building) {
        try {
            building.run();
            return this;
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private void wire(String name, String label) {
        String left = namespace(label + "-1");
        String right = namespace(label + "-2");
        join(left, right);
        paths.add(new PacketPath(name, file(left), file(right), Wire.RIGHT.ipv4(), Wire.RIGHT.ipv6()));
    }

    private String oneNode(String name, String label, @Nullable String program) {
        String node = namespace(label + "-n");
        forwarding(node);
        String a = pod(Pod.A, node, label);
        String b = pod(Pod.B, node, label);
        if (program != null) {
            List<String> words = new ArrayList<>(known());
            for (Pod pod : Pod.values()) {
                words.addAll(List.of("attach", pod.hostDevice(), program));
                words.addAll(location(pod));
            }
            hold(node, words);
        }
        paths.add(new PacketPath(name, file(a), file(b), Pod.B.ipv4, Pod.B.ipv6));
        return node;
    }

    private List<String> twoNodes(String name, String label, @Nullable String in, @Nullable String out) {
        String left = namespace(label + "-n1");
        String right = namespace(label + "-n2");
        join(left, right);
        String a = pod(Pod.A, left, label);
        String b = pod(Pod.B, right, label);
        route(left, Pod.B, Wire.RIGHT);
        route(right, Pod.A, Wire.LEFT);
        if (in != null && out != null) {
            holdNode(left, Pod.A, in, out);
            holdNode(right, Pod.B, in, out);
        }
        paths.add(new PacketPath(name, file(a), file(b), Pod.B.ipv4, Pod.B.ipv6));
        return List.of(left, right);
    }

    private void holdNode(String node, Pod pod, String in, String out) {
        List<String> words = new ArrayList<>(known());
        words.addAll(List.of("uplink", "eth0", "attach", "eth0", in, "attach", pod.hostDevice(), out));
        words.addAll(location(pod));
        hold(node, words);
    }

    private static List<String> known() {
        List<String> words = new ArrayList<>();
        for (Pod pod : Pod.values()) {
            words.addAll(List.of("known", pod.ipv4, "known", pod.ipv6));
        }
        return words;
    }

    private static List<String> location(Pod pod) {
        return List.of(
                "pod",
                pod.ipv4,
                pod.hostDevice(),
                pod.hostMac,
                pod.mac, //
                "pod",
                pod.ipv6,
                pod.hostDevice(),
                pod.hostMac,
                pod.mac);
    }

    private String namespace(String label) {
        namespaces.add(label);
        return ScratchNamespaces.name(label);
    }

    /** Two namespaces joined by one veth pair, eth0 in both. */
    private static void join(String left, String right) {
        forwarding(left);
        forwarding(right);
        Wire.join(left, right, "eth0");
    }

    private String pod(Pod pod, String node, String label) {
        String namespace = namespace(label + "-" + pod.label);
        Commands.runWords("ip link add eth0 netns %s address %s type veth peer name %s netns %s address %s"
                .formatted(namespace, pod.mac, pod.hostDevice(), node, pod.hostMac));
        Commands.ip(node, """
                link set %1$s up
                route add %2$s/32 dev %1$s
                route add %3$s/128 dev %1$s
                neigh replace %2$s lladdr %4$s dev %1$s nud permanent
                neigh replace %3$s lladdr %4$s dev %1$s nud permanent
                """.formatted(pod.hostDevice(), pod.ipv4, pod.ipv6, pod.mac));
        Commands.ip(namespace, """
                addr add %1$s/32 dev eth0
                addr add %2$s/128 dev eth0 nodad
                link set eth0 up
                route add %3$s dev eth0 scope link
                route add default via %3$s
                route add default via %4$s dev eth0
                neigh replace %3$s lladdr %5$s dev eth0 nud permanent
                neigh replace %4$s lladdr %5$s dev eth0 nud permanent
                """.formatted(pod.ipv4, pod.ipv6, GATEWAY4, GATEWAY6, pod.hostMac));
        return namespace;
    }

    private static void route(String node, Pod pod, Wire gateway) {
        Commands.ip(node, """
                route add %s/32 via %s
                route add %s/128 via %s
                """.formatted(pod.ipv4, gateway.ipv4(), pod.ipv6, gateway.ipv6()));
    }

    private static void forwarding(String node) {
        Commands.runWords("ip netns exec " + node + " sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    }

    private void filter(String node) {
        Commands.runWith(RULES, "ip", "netns", "exec", node, "nft", "-f", "-");
    }

    private void hold(String node, List<String> words) {
        List<String> command = new ArrayList<>(List.of(
                tools.reference().toString(),
                tools.referenceObject().toString(),
                file(node).toString()));
        command.addAll(words);
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            holders.add(process);
            BufferedReader reader = process.inputReader();
            if (!"ready".equals(reader.readLine())) {
                throw new CommandFailedException(command, "did not become ready");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path file(String namespace) {
        return NAMESPACES.resolve(namespace);
    }
}

package io.pilus.lab;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The wires: a bridge in a namespace of its own, to which every other namespace is joined by its eth0, and this machine by a
 * device named after the lab. Two labs with different names and networks live side by side.
 */
final class Fabric {

    private static final int MACHINE = 1;

    private final String lab;
    private final int network;
    private final Journal journal;
    private final Map<String, String> ports = new ConcurrentHashMap<>();

    Fabric(String lab, int network, Journal journal) {
        this.lab = lab;
        this.network = network;
        this.journal = journal;
    }

    /** 172.30.NETWORK.host. */
    String ipv4(int host) {
        return "172.30." + network + "." + host;
    }

    /** The same digits behind fd00:30. */
    String ipv6(int host) {
        return (network == 0 ? "fd00:30::" : "fd00:30:0:" + network + "::") + host;
    }

    /** The name of a namespace of this lab. */
    String netns(String name) {
        return lab + "-" + name;
    }

    void make() {
        addNetns("fab");
        ip("fab", "link add br0 type bridge forward_delay 0", "link set br0 up");
        inFabric("nft", """
                table bridge partitions {
                  set cut { type ifname . ifname; }
                  chain forward {
                    type filter hook forward priority 0;
                    iifname . oifname @cut drop
                  }
                }
                """, "-f", "-");
        write(
                "fab",
                "0",
                "/proc/sys/net/bridge/bridge-nf-call-iptables",
                "/proc/sys/net/bridge/bridge-nf-call-ip6tables");
        String device = lab + "0";
        journal.will(Journal.Kind.LINK, device);
        Tool.run("ip", "link", "add", device, "type", "veth", "peer", "name", "p-host", "netns", netns("fab"));
        ip("fab", "link set p-host master br0 up");
        Tool.run("ip", "addr", "add", ipv4(MACHINE) + "/24", "dev", device);
        if (Files.exists(Path.of("/proc/sys/net/ipv6"))) {
            Tool.run("ip", "addr", "add", ipv6(MACHINE) + "/64", "dev", device, "nodad");
        }
        Tool.run("ip", "link", "set", device, "up");
    }

    /** A namespace with an address of each family on its eth0. */
    void join(String name, int host) {
        String port = "p-" + host;
        ports.put(netns(name), port);
        addNetns(name);
        Tool.run(
                List.of("ip", "-batch", "-"),
                "link add eth0 netns " + netns(name) + " type veth peer name " + port + " netns " + netns("fab")
                        + "\n");
        ip(
                name,
                "addr add " + ipv4(host) + "/24 dev eth0",
                "addr add " + ipv6(host) + "/64 dev eth0 nodad",
                "link set eth0 up");
        ip("fab", "link set " + port + " master br0 up");
    }

    Partition partition(Collection<String> some, Collection<String> others) {
        List<String> pairs = new ArrayList<>();
        for (String one : some) {
            for (String other : others) {
                pairs.add(port(one) + " . " + port(other));
                pairs.add(port(other) + " . " + port(one));
            }
        }
        String cut = "element bridge partitions cut { " + String.join(", ", pairs) + " }";
        inFabric("nft", "", "add " + cut);
        return new Partition(() -> inFabric("nft", "", "delete " + cut));
    }

    /** The bridge's port to a namespace, as nft writes it. */
    private String port(String netns) {
        return "\"" + Optional.ofNullable(ports.get(netns)).orElseThrow() + "\"";
    }

    private void inFabric(String program, String input, String... arguments) {
        List<String> command = new ArrayList<>(List.of("nsenter", "--net=/run/netns/" + netns("fab"), program));
        command.addAll(List.of(arguments));
        Tool.run(command, input);
    }

    /** A namespace with nothing but its loopback device. */
    void addNetns(String name) {
        journal.will(Journal.Kind.NETNS, netns(name));
        Tool.run("ip", "netns", "add", netns(name));
        write(
                name,
                "0",
                "/proc/sys/net/ipv6/conf/all/disable_ipv6",
                "/proc/sys/net/ipv6/conf/default/disable_ipv6",
                "/proc/sys/net/ipv6/conf/default/accept_ra",
                "/proc/sys/net/ipv4/ip_forward");
        write(name, "1", "/proc/sys/net/ipv4/conf/all/rp_filter");
        ip(name, "link set lo up");
    }

    /** Commands of {@code ip -batch} inside a namespace. */
    void ip(String name, String... commands) {
        Tool.run(List.of("ip", "-n", netns(name), "-batch", "-"), String.join("\n", commands) + "\n");
    }

    private void write(String name, String value, String... files) {
        Tool.run(List.of("nsenter", "--net=/run/netns/" + netns(name), "sh"), setting(value, files));
    }

    /** A file that this kernel does not have needs no value. */
    private static String setting(String value, String... files) {
        var script = new StringBuilder();
        for (String file : files) {
            script.append("[ ! -e ")
                    .append(file)
                    .append(" ] || echo ")
                    .append(value)
                    .append(" > ")
                    .append(file)
                    .append('\n');
        }
        return script.toString();
    }
}

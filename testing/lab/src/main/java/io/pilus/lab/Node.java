package io.pilus.lab;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;

/** A node of the lab: a network namespace with an agent. */
public final class Node {

    static final int MANAGEMENT_PORT = 9000;

    private final String name;
    private final String netns;
    private final List<String> addresses;
    private final Path directory;
    private final Daemon agent;
    private final Readiness readiness;
    private final Prober prober;

    Node(
            String name,
            String netns,
            List<String> addresses,
            Path directory,
            Daemon agent,
            Readiness readiness,
            Prober prober) {
        this.name = name;
        this.netns = netns;
        this.addresses = List.copyOf(addresses);
        this.directory = directory;
        this.agent = agent;
        this.readiness = readiness;
        this.prober = prober;
    }

    public String name() {
        return name;
    }

    /** The name of its network namespace. */
    public String netns() {
        return netns;
    }

    public String ipv4() {
        return addresses.getFirst();
    }

    public String ipv6() {
        return addresses.getLast();
    }

    List<String> addresses() {
        return addresses;
    }

    /** Holds {@code bpf} (its BPF file system), {@code state} (the agent's) and {@code agent.sock}. */
    public Path directory() {
        return directory;
    }

    Path socket() {
        return directory.resolve("agent.sock");
    }

    public Daemon agent() {
        return agent;
    }

    /** The agent's REST. */
    public Rest api() {
        return Rest.at(socket());
    }

    /** The agent's health and metrics. */
    public Rest management() {
        return Rest.at(managementUri());
    }

    URI managementUri() {
        return URI.create("http://" + ipv4() + ":" + MANAGEMENT_PORT);
    }

    /** Changes what its device to the other nodes carries at once. */
    public void uplinkMtu(int bytes) {
        Tool.run("ip", "-n", netns, "link", "set", "eth0", "mtu", Integer.toString(bytes));
    }

    /** Makes connections as the node itself. */
    public Prober prober() {
        return prober;
    }

    /** Waits until the agent says that it is ready. */
    public void awaitReady() {
        readiness.await();
    }
}

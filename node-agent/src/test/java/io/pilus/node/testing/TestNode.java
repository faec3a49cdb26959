package io.pilus.node.testing;

import io.pilus.libbpf.BpfFileSystem;
import io.pilus.netlink.LinkChange;
import io.pilus.netlink.MacAddress;
import io.pilus.netlink.Netlink;
import io.pilus.netlink.NetworkNamespace;
import io.pilus.netlink.Subnet;
import io.pilus.netlink.VethEnd;
import io.pilus.node.NodeConfig;
import io.pilus.node.datapath.Datapath;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;

/** A node: a network namespace with an uplink, a directory for state, and a BPF file system of its own. */
public final class TestNode implements AutoCloseable {

    public static final String IPV4 = "192.168.77.1";
    public static final String IPV6 = "fd00:77::1";

    private final Path directory;
    private final NetworkNamespace namespace = NetworkNamespace.create();
    private final NetworkNamespace network = NetworkNamespace.create();
    private final Netlink netlink = namespace.netlink();

    public TestNode() {
        try {
            directory = Files.createTempDirectory("pilus-node");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        BpfFileSystem.ensure(directory.resolve("bpffs"));
        netlink.addVeth(
                new VethEnd("eth0", MacAddress.parse("02:77:00:00:00:01"), 1500, true, null),
                new VethEnd("node1", MacAddress.parse("02:77:00:00:00:02"), 1500, true, network));
        int uplink = index("eth0");
        netlink.change(uplink, LinkChange.toUp());
        netlink.addAddress(uplink, new Subnet(InetAddress.ofLiteral(IPV4), 24));
        netlink.addAddress(uplink, new Subnet(InetAddress.ofLiteral(IPV6), 64));
        try (Netlink far = network.netlink()) {
            far.change(far.link("node1").orElseThrow().index(), LinkChange.toUp());
        }
    }

    /** Settings of its agent, with these in addition. */
    public NodeConfig config(String... keysAndValues) {
        Map<String, String> settings = new HashMap<>(Map.of(
                "pilus.node.name", "node-1",
                "pilus.node.state-dir", directory.resolve("state").toString(),
                "pilus.node.bpffs", directory.resolve("bpffs/pilus").toString()));
        for (int i = 0; i < keysAndValues.length; i += 2) {
            settings.put("pilus.node." + keysAndValues[i], keysAndValues[i + 1]);
        }
        return new SmallRyeConfigBuilder()
                .withMapping(NodeConfig.class)
                .withSources(new PropertiesConfigSource(settings, "test", 500))
                .build()
                .getConfigMapping(NodeConfig.class);
    }

    /** What its agent would open at its start. */
    public Datapath datapath(String... keysAndValues) {
        return Datapath.open(config(keysAndValues), namespace);
    }

    public NetworkNamespace namespace() {
        return namespace;
    }

    public Netlink netlink() {
        return netlink;
    }

    public int index(String device) {
        return netlink.link(device).orElseThrow().index();
    }

    public Path directory() {
        return directory;
    }

    @Override
    public void close() {
        netlink.close();
        namespace.close();
        network.close();
        try {
            new ProcessBuilder("umount", directory.resolve("bpffs").toString())
                    .inheritIO()
                    .start()
                    .waitFor();
            try (Stream<Path> files = Files.walk(directory)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

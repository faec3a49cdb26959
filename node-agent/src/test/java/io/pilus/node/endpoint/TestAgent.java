package io.pilus.node.endpoint;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.node.NodeConfig;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.ipam.LeaseBook;
import io.pilus.node.ipam.LeaseConfig;
import io.pilus.node.route.Destinations;
import io.pilus.node.testing.TestNode;
import io.pilus.node.testing.TestPod;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;

/** An agent's part that attaches, on a test's node: all real but the policy, which is known at once. */
public final class TestAgent implements Realiser, AttachedReporter {

    public static final int IDENTITY = 300;
    static final int OTHER_IDENTITY = 301;

    /** Of a subject whom everybody may speak to. */
    public static final int OPEN = 1;

    /** Likewise, of another subject. */
    public static final int ALSO_OPEN = 2;

    /** Of a subject whose table is not there. */
    static final int NO_TABLE = 3;

    private static final String POOL = "default";
    private static final long DEFAULT_DENY = 3L << 44;
    private static final long ALLOW = 4L << 44;

    final Datapath datapath;
    final Destinations destinations;
    final LeaseBook leases;
    final EndpointService endpoints;
    final List<Attachment> reportedAttached = new ArrayList<>();
    final List<Attachment> reportedDetached = new ArrayList<>();
    final Set<String> held = ConcurrentHashMap.newKeySet();

    /** Done by whoever takes or gives back a lease, before that is written. */
    volatile Runnable leasing = () -> {};

    /** What to answer; replaced by tests that want something else. */
    volatile Answer answer = (_, ref, _) -> ready(ref, IDENTITY, OPEN);

    interface Answer {
        Readiness to(String containerId, WorkloadRef ref, Deadline deadline) throws InterruptedException;
    }

    public TestAgent(TestNode node, String... settings) {
        this(node, UnaryOperator.identity(), List.of("10.200.0.0/24", "fd00:200::/120"), settings);
    }

    /**
     * Starts on what an earlier one left.
     *
     * @param around what to put between the endpoints and the kernel
     * @param blocks the node's
     */
    TestAgent(TestNode node, UnaryOperator<PodKernel> around, List<String> blocks, String... settings) {
        NodeConfig config = node.config(settings);
        datapath = node.datapath(settings);
        datapath.pools(List.of(Prefixes.parse("10.200.0.0/16"), Prefixes.parse("fd00:200::/48")));
        openTables();
        destinations = new Destinations(datapath.destinations());
        leases = LeaseBook.open(config.stateDir().resolve("leases"), leaseConfig(), clock(), _ -> true);
        leases.pools(List.of(PoolRanges.newBuilder()
                .setName(POOL)
                .addRanges(Prefixes.parse("10.200.0.0/16"))
                .addRanges(Prefixes.parse("fd00:200::/48"))
                .build()));
        grant(blocks);
        endpoints = new EndpointService(
                config, around.apply(new DatapathPods(datapath, destinations)), leases, () -> this, () -> this);
    }

    public Datapath datapath() {
        return datapath;
    }

    /**
     * @param slot {@link #OPEN} or {@link #ALSO_OPEN}
     * @return the pod's IPv4 address
     */
    public InetAddress attach(TestPod pod, int slot) {
        answer = (_, ref, _) -> ready(ref, slot == OPEN ? IDENTITY : OTHER_IDENTITY, slot);
        String container = "container-" + pod.namespace().inode();
        List<ByteString> addresses = endpoints
                .attach(new AttachRequest("uid-" + container, null, null, container, pod.path(), "eth0"))
                .attachment()
                .addresses();
        try {
            return InetAddress.getByAddress(addresses.stream()
                    .filter(address -> address.size() == 4)
                    .findFirst()
                    .orElseThrow()
                    .toByteArray());
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Whoever has {@link #ALSO_OPEN} opens no connection from now on, and only answers. */
    public void silence() {
        table(8, ALLOW, DEFAULT_DENY);
        point(ALSO_OPEN, 2, 8);
    }

    /** The node has these blocks from now on. */
    void grant(List<String> blocks) {
        leases.blocks(
                blocks.stream()
                        .map(block -> Block.newBuilder()
                                .setPool(POOL)
                                .setBlock(Prefixes.parse(block))
                                .build())
                        .toList(),
                1);
    }

    static Readiness.Ready ready(WorkloadRef ref, int identity, int slot) {
        return switch (ref) {
            case WorkloadRef.ByUid byUid ->
                new Readiness.Ready(byUid.uid(), "shop", "of-" + byUid.uid(), POOL, identity, slot);
            case WorkloadRef.ByName byName ->
                new Readiness.Ready("uid-" + byName.name(), byName.namespace(), byName.name(), POOL, identity, slot);
        };
    }

    @Override
    public Readiness await(String containerId, WorkloadRef workload, Deadline deadline) throws InterruptedException {
        Readiness readiness = answer.to(containerId, workload, deadline);
        if (readiness instanceof Readiness.Ready) {
            held.add(containerId);
        }
        return readiness;
    }

    @Override
    public void release(String containerId) {
        held.remove(containerId);
    }

    @Override
    public void attached(Attachment attachment) {
        synchronized (reportedAttached) {
            reportedAttached.add(attachment);
        }
    }

    @Override
    public void detached(Attachment attachment) {
        synchronized (reportedDetached) {
            reportedDetached.add(attachment);
        }
    }

    private void openTables() {
        table(7, ALLOW, ALLOW);
        point(OPEN, 1, 7);
        point(ALSO_OPEN, 1, 7);
        for (int identity : List.of(1, 2, IDENTITY, OTHER_IDENTITY)) {
            datapath.map("peer_classes_v1")
                    .update(
                            ByteBuffer.allocate(8)
                                    .order(ByteOrder.nativeOrder())
                                    .putInt(0)
                                    .putInt(identity)
                                    .array(),
                            u32(1));
        }
    }

    private void table(int table, long ingress, long egress) {
        datapath.map("tables_v1")
                .update(
                        u32(table),
                        ByteBuffer.wrap(new byte[24])
                                .order(ByteOrder.nativeOrder())
                                .putLong(8, ingress)
                                .putLong(16, egress)
                                .array());
    }

    private void point(int slot, long generation, int table) {
        datapath.map("slots_v1")
                .update(
                        u32(slot),
                        ByteBuffer.allocate(8)
                                .order(ByteOrder.nativeOrder())
                                .putLong(generation << 32 | table)
                                .array());
    }

    private static byte[] u32(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.nativeOrder())
                .putInt(value)
                .array();
    }

    private Clock clock() {
        return new Clock() {
            @Override
            public ZoneId getZone() {
                return ZoneOffset.UTC;
            }

            @Override
            public Clock withZone(ZoneId zone) {
                return this;
            }

            @Override
            public Instant instant() {
                leasing.run();
                return Instant.now();
            }
        };
    }

    private static LeaseConfig leaseConfig() {
        return new SmallRyeConfigBuilder()
                .withMapping(LeaseConfig.class)
                .withSources(new PropertiesConfigSource(Map.of("pilus.node.leases.cool-down", "PT1S"), "test", 500))
                .build()
                .getConfigMapping(LeaseConfig.class);
    }
}

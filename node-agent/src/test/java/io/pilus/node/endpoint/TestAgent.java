package io.pilus.node.endpoint;

import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.node.NodeConfig;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.ipam.LeaseBook;
import io.pilus.node.ipam.LeaseConfig;
import io.pilus.node.route.Destinations;
import io.pilus.node.testing.TestNode;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
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
final class TestAgent implements Realiser, AttachedReporter {

    static final int IDENTITY = 300;
    static final int OTHER_IDENTITY = 301;

    /** Of a subject whom everybody may speak to. */
    static final int OPEN = 1;

    /** Likewise, of another subject. */
    static final int ALSO_OPEN = 2;

    /** Of a subject whose table is not there. */
    static final int NO_TABLE = 3;

    private static final String POOL = "default";
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

    TestAgent(TestNode node) {
        this(node, UnaryOperator.identity(), List.of("10.200.0.0/24", "fd00:200::/120"));
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
        datapath.map("tables_v1")
                .update(
                        u32(7),
                        ByteBuffer.wrap(new byte[24])
                                .order(ByteOrder.nativeOrder())
                                .putLong(8, ALLOW)
                                .putLong(16, ALLOW)
                                .array());
        for (int slot : List.of(OPEN, ALSO_OPEN)) {
            datapath.map("slots_v1")
                    .update(
                            u32(slot),
                            ByteBuffer.allocate(8)
                                    .order(ByteOrder.nativeOrder())
                                    .putLong(1L << 32 | 7)
                                    .array());
        }
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

package io.pilus.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.PutOption;
import io.pilus.contract.Identities;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.Direction;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Epoch;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.NodeAddresses;
import io.pilus.contract.v1.Owner;
import io.pilus.contract.v1.PeerSet;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.contract.v1.PortRange;
import io.pilus.contract.v1.Prefix;
import io.pilus.contract.v1.Protocol;
import io.pilus.contract.v1.Rule;
import io.pilus.contract.v1.Tier;
import io.pilus.contract.v1.Workload;
import io.pilus.lab.Lab;
import io.pilus.lab.LabConfig;
import io.pilus.lab.Node;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import org.roaringbitmap.RoaringBitmap;

/**
 * A cluster of many nodes, one of which is real: etcd has what the services would have written, and no service runs. Identities
 * stand in a circle; each is let in by the {@value #POLICIES_EACH} policies of every one before it that it is close to.
 */
final class LargeCluster implements AutoCloseable {

    static final int NODES = 1_000;
    static final int PODS = 30_000;
    static final int POLICIES = 30_000;
    static final int IDENTITIES = 6_000;

    /** On the real node, as on every other. */
    static final int PODS_EACH = PODS / NODES;

    /** Policies of an identity. */
    static final int POLICIES_EACH = POLICIES / IDENTITIES;

    /** How many that follow each other a peer set holds. */
    private static final int MEMBERS = 3;

    private static final int FIRST_PORT = 8000;
    private static final String POOL = "default";
    private static final int OPERATIONS = 128;
    private static final int UNDER_WAY = 32;
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final int TRAINING_NODES = 50;

    private final Lab lab;
    private final Client etcd;
    private final ScratchNamespaces namespaces = new ScratchNamespaces();
    private final List<Op> operations = new ArrayList<>();
    private final List<CompletableFuture<TxnResponse>> underWay = new ArrayList<>();

    private LargeCluster(Lab lab) {
        this.lab = lab;
        this.etcd = Client.builder().endpoints(lab.etcdUri()).build();
    }

    /** A cluster of one node and nothing else; its agent is not started. Agents have the cache that a released one has. */
    static LargeCluster start(String name, int network, Run run) {
        LabConfig.Builder config = LabConfig.named(name)
                .network(network)
                .nodes(1)
                .production()
                .services()
                .withoutAgents()
                .home(run.home())
                .progress(run.progress()::step);
        if (config.build().wantsTraining()) {
            run.progress().begin("an agent's training, for its cache of classes");
            try (LargeCluster training = open(config.training(true).build())) {
                training.putPolicies();
                training.putNodes(1, TRAINING_NODES);
                training.startAgent();
                training.attach();
                training.node().agent().terminate(PATIENCE);
            }
        }
        return open(config.training(false).build());
    }

    private static LargeCluster open(LabConfig config) {
        var cluster = new LargeCluster(Lab.start(config));
        try {
            cluster.found();
            return cluster;
        } catch (RuntimeException e) {
            cluster.close();
            throw e;
        }
    }

    Node node() {
        return lab.nodes().getFirst();
    }

    /** Attaches the real node's workloads; the i-th has the number i. */
    List<Attached> attach() {
        List<Attached> attached = new ArrayList<>();
        for (int i = 0; i < PODS_EACH; i++) {
            Path namespace = namespaces.add("pod-" + i);
            JsonNode answer = node().api()
                    .post("/v1/endpoints", """
                            {"uid": "%s", "containerId": "bench-%d", "netns": "%s", "interface": "eth0"}
                            """.formatted(uid(i), i, namespace))
                    .orThrow()
                    .json();
            attached.add(
                    new Attached(namespace, answer.path("addresses").path(0).asText()));
        }
        return attached;
    }

    /** An attached workload of the real node, and its IPv4 address. */
    record Attached(Path namespace, String ipv4) {}

    /** Starts the agent and waits until it is ready; how long that took. */
    Duration startAgent() {
        long began = System.nanoTime();
        node().agent().start();
        while (!isReady()) {
            if (!node().agent().isAlive() || System.nanoTime() - began > PATIENCE.toNanos()) {
                throw new IllegalStateException(
                        "the agent did not become ready: " + node().agent().log() + " says why");
            }
            LockSupport.parkNanos(20_000_000);
        }
        return Duration.ofNanos(System.nanoTime() - began);
    }

    private boolean isReady() {
        try {
            return node().management()
                    .send("GET", "/q/health/ready", Map.of(), "")
                    .succeeded();
        } catch (IOException e) {
            return false;
        }
    }

    /** How many entries of a map of the datapath's the agent has filled. */
    int entries(String map) {
        return node().api()
                .get("/v1/status")
                .orThrow()
                .json()
                .path("maps")
                .path(map)
                .path("used")
                .asInt();
    }

    /** The workload of the real node with that number. */
    private static String uid(int number) {
        return new UUID(1, number).toString();
    }

    /** Where the workload with that number lets those in whose numbers are one to {@value #MEMBERS} above its own. */
    static int port() {
        return FIRST_PORT;
    }

    @Override
    public void close() {
        namespaces.close();
        etcd.close();
        lab.close();
    }

    private void found() {
        put(Keys.EPOCH, Epoch.newBuilder().setClusterId("bench").build());
        put(
                Keys.clusterPool(POOL),
                PoolRanges.newBuilder()
                        .setName(POOL)
                        .addRanges(Prefixes.parse("10.244.0.0/16"))
                        .addRanges(Prefixes.parse("fd00:10:244::/48"))
                        .build());
        putNode(0, node().name(), List.of(Prefixes.parseAddress(node().ipv4()), Prefixes.parseAddress(node().ipv6())));
        for (Prefix block : blocks(0)) {
            put(
                    Keys.nodeBlock(node().name(), POOL, block),
                    Block.newBuilder().setPool(POOL).setBlock(block).build());
        }
        put(Keys.COMPILED, Compiled.newBuilder().setRevision(1).setLevel(1).build());
        flush();
    }

    /** Policies, identities and their sets; and the workloads of the real node. */
    void putPolicies() {
        for (int i = 0; i < IDENTITIES; i++) {
            var members = new RoaringBitmap();
            for (int j = 0; j < MEMBERS; j++) {
                members.add(identity(i + j));
            }
            var serialised = ByteBuffer.allocate(members.serializedSizeInBytes());
            members.serialize(serialised);
            put(
                    Keys.peerSet(id("set", i)),
                    PeerSet.newBuilder()
                            .setSelector("namespace=default,app=app-" + i)
                            .setIdentities(ByteString.copyFrom(serialised.flip()))
                            .build());
        }
        for (int i = 0; i < POLICIES; i++) {
            int port = FIRST_PORT + i % POLICIES_EACH;
            put(
                    Keys.rules(id("policy", i)),
                    CompiledPolicy.newBuilder()
                            .setKind("NetworkPolicy")
                            .setNamespace("default")
                            .setName("policy-" + i)
                            .setTier(Tier.TIER_NAMESPACE)
                            .setIsolatesIngress(true)
                            .addRules(Rule.newBuilder()
                                    .setPath("ingress[0]")
                                    .setDirection(Direction.DIRECTION_INGRESS)
                                    .setAction(Action.ACTION_ALLOW)
                                    .addPeerSets(id("set", i / POLICIES_EACH + 1 + i % POLICIES_EACH))
                                    .addPorts(range(Protocol.PROTOCOL_TCP, port))
                                    .addPorts(range(Protocol.PROTOCOL_UDP, port)))
                            .build());
        }
        for (int i = 0; i < IDENTITIES; i++) {
            var policy = IdentityPolicy.newBuilder();
            for (int j = 0; j < POLICIES_EACH; j++) {
                policy.addPolicies(id("policy", i * POLICIES_EACH + j));
            }
            for (int j = 0; j < MEMBERS; j++) {
                policy.addSets(id("set", i + IDENTITIES - j));
            }
            put(Keys.identityPolicy(identity(i)), policy.build());
        }
        flush();
        for (int i = 0; i < PODS_EACH; i++) {
            put(
                    Keys.workload(node().name(), uid(i)),
                    Workload.newBuilder()
                            .setUid(uid(i))
                            .setNamespace("default")
                            .setName("pod-" + i)
                            .setNode(node().name())
                            .setOwner(Owner.OWNER_REST)
                            .setIdentity(identity(i))
                            .build());
        }
        flush();
    }

    /** Nodes with their blocks and pods, of the first inclusive to the last exclusive; 0 is the real one. */
    void putNodes(int first, int last) {
        for (int i = first; i < last; i++) {
            String name = "node-" + i;
            putNode(
                    i,
                    name,
                    List.of(
                            Prefixes.parseAddress("172.20." + i / 250 + "." + (i % 250 + 1)),
                            Prefixes.parseAddress("fd00:20::" + Integer.toHexString(i + 1))));
            for (int j = 0; j < PODS_EACH; j++) {
                int number = i * PODS_EACH + j;
                String uid = new UUID(2, number).toString();
                put(
                        Keys.endpoint(name, uid),
                        Endpoint.newBuilder()
                                .setUid(uid)
                                .setNamespace("default")
                                .setName("app-" + number % IDENTITIES + "-7d4b9c6f5-" + Integer.toString(number, 36))
                                .setNode(name)
                                .setIdentity(identity(number))
                                .addAddresses(address(4, i, j))
                                .addAddresses(address(16, i, j))
                                .build());
            }
        }
        flush();
    }

    private void putNode(int number, String name, List<ByteString> addresses) {
        put(
                Keys.clusterNode(name),
                NodeAddresses.newBuilder()
                        .setName(name)
                        .addAllAddresses(addresses)
                        .build());
        for (Prefix block : blocks(number)) {
            put(
                    Keys.clusterBlock(POOL, block),
                    BlockOwner.newBuilder()
                            .setPool(POOL)
                            .setBlock(block)
                            .setNode(name)
                            .build());
        }
    }

    private static List<Prefix> blocks(int node) {
        return List.of(Prefixes.mask(address(4, node, 0), 26), Prefixes.mask(address(16, node, 0), 122));
    }

    private static ByteString address(int bytes, int node, int pod) {
        var base = Prefixes.parseAddress(bytes == 4 ? "10.244.0.0" : "fd00:10:244::")
                .toByteArray();
        int host = node << 6 | pod;
        base[bytes - 2] = (byte) (host >> 8);
        base[bytes - 1] = (byte) host;
        return ByteString.copyFrom(base);
    }

    private static int identity(int number) {
        return Identities.FIRST + number % IDENTITIES;
    }

    /** Of the length that real ones have. */
    private static String id(String kind, int number) {
        return "%s-%s"
                .formatted(kind, Integer.toString(number % (kind.equals("set") ? IDENTITIES : POLICIES)))
                .concat("......................")
                .substring(0, 22);
    }

    private static PortRange range(Protocol protocol, int port) {
        return PortRange.newBuilder()
                .setProtocol(protocol)
                .setFirst(port)
                .setLast(port)
                .build();
    }

    private <M extends MessageLite> void put(Key<M> key, M value) {
        operations.add(Op.put(
                ByteSequence.from(key.path(), UTF_8), ByteSequence.from(value.toByteArray()), PutOption.DEFAULT));
        if (operations.size() == OPERATIONS) {
            send();
        }
    }

    private void send() {
        underWay.add(
                etcd.getKVClient().txn().Then(operations.toArray(Op[]::new)).commit());
        operations.clear();
        if (underWay.size() >= UNDER_WAY) {
            underWay.removeFirst().join();
        }
    }

    private void flush() {
        if (!operations.isEmpty()) {
            send();
        }
        underWay.forEach(CompletableFuture::join);
        underWay.clear();
    }
}

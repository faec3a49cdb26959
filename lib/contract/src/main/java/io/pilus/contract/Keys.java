package io.pilus.contract;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.pilus.contract.v1.AdoptionReport;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Awaited;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.ClusterAdopted;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.Document;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Epoch;
import io.pilus.contract.v1.FreedNumber;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityNumber;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.Leader;
import io.pilus.contract.v1.Liveness;
import io.pilus.contract.v1.Namespace;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.NodeAddressOwner;
import io.pilus.contract.v1.NodeAddresses;
import io.pilus.contract.v1.NodeAdopted;
import io.pilus.contract.v1.NumberCursor;
import io.pilus.contract.v1.PeerSet;
import io.pilus.contract.v1.Pool;
import io.pilus.contract.v1.PoolChanges;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.contract.v1.Prefix;
import io.pilus.contract.v1.Realised;
import io.pilus.contract.v1.Workload;
import io.pilus.contract.v1.WorkloadLocation;

/** Every key that Pilus has in etcd. Nothing else builds or takes apart a key. */
public final class Keys {

    /** What every key begins with. */
    public static final String ROOT = "/pilus/v1/";

    /** What users and the cluster want; services watch it. */
    public static final String INTENT = ROOT + "intent/";

    /** What every node must know; agents watch it. */
    public static final String CLUSTER = ROOT + "cluster/";

    /** What single nodes read and write. */
    public static final String NODES = ROOT + "nodes/";

    public static final Key<Epoch> EPOCH = new Key<>(ROOT + "epoch", Epoch.parser());

    public static final KeyRange<Document> DOCUMENTS = range(INTENT + "documents/", Document.parser());
    public static final KeyRange<Namespace> NAMESPACES = range(INTENT + "namespaces/", Namespace.parser());
    public static final KeyRange<Node> INTENT_NODES = range(INTENT + "nodes/", Node.parser());
    public static final KeyRange<Identity> IDENTITIES = range(INTENT + "identities/", Identity.parser());
    public static final KeyRange<IdentityNumber> LABELS = range(INTENT + "labels/", IdentityNumber.parser());
    public static final KeyRange<WorkloadLocation> WORKLOAD_LOCATIONS =
            range(INTENT + "workloads/", WorkloadLocation.parser());

    public static final KeyRange<PeerSet> PEER_SETS = range(CLUSTER + "policy/sets/", PeerSet.parser());
    public static final KeyRange<CompiledPolicy> RULES = range(CLUSTER + "policy/rules/", CompiledPolicy.parser());
    public static final KeyRange<IdentityPolicy> IDENTITY_POLICIES =
            range(CLUSTER + "policy/identities/", IdentityPolicy.parser());
    public static final Key<Compiled> COMPILED = new Key<>(CLUSTER + "policy/compiled", Compiled.parser());
    public static final Key<Awaited> AWAITED = new Key<>(CLUSTER + "policy/awaited", Awaited.parser());
    public static final KeyRange<NodeAddresses> CLUSTER_NODES = range(CLUSTER + "nodes/", NodeAddresses.parser());
    public static final KeyRange<PoolRanges> CLUSTER_POOLS = range(CLUSTER + "pools/", PoolRanges.parser());
    public static final KeyRange<BlockOwner> CLUSTER_BLOCKS = range(CLUSTER + "blocks/", BlockOwner.parser());
    public static final KeyRange<Endpoint> ENDPOINTS = range(CLUSTER + "endpoints/", Endpoint.parser());

    public static final Key<ClusterAdopted> CLUSTER_ADOPTED = new Key<>(CLUSTER + "adopted", ClusterAdopted.parser());

    public static final KeyRange<Pool> POOLS = range(ROOT + "pools/", Pool.parser());
    public static final Key<PoolChanges> POOL_CHANGES = new Key<>(ROOT + "pool-changes", PoolChanges.parser());
    public static final KeyRange<Liveness> LIVE = range(ROOT + "live/", Liveness.parser());

    /** Where identity-service reserves ranges of numbers. */
    public static final Key<NumberCursor> NUMBERS = new Key<>(ROOT + "numbers", NumberCursor.parser());

    public static final KeyRange<FreedNumber> FREED_NUMBERS = range(ROOT + "freed/", FreedNumber.parser());
    public static final KeyRange<NodeAddressOwner> NODE_ADDRESSES =
            range(ROOT + "node-addresses/", NodeAddressOwner.parser());

    private Keys() {}

    /**
     * @param namespace empty for a cluster-wide kind
     */
    public static Key<Document> document(String kind, String namespace, String name) {
        return DOCUMENTS.key(DOCUMENTS.prefix() + kind + "/" + (namespace.isEmpty() ? "-" : namespace) + "/" + name);
    }

    public static KeyRange<Document> documentsOf(String kind) {
        return range(DOCUMENTS.prefix() + kind + "/", Document.parser());
    }

    public static KeyRange<Document> documentsIn(String kind, String namespace) {
        return range(documentsOf(kind).prefix() + namespace + "/", Document.parser());
    }

    public static Key<Namespace> namespace(String name) {
        return in(NAMESPACES, name);
    }

    public static Key<Node> intentNode(String name) {
        return in(INTENT_NODES, name);
    }

    /** Ten digits, so that a range scan follows the numbers. */
    public static Key<Identity> identity(int id) {
        return in(IDENTITIES, number(id));
    }

    /**
     * @param sha256 of the canonical label set, in hexadecimal: {@link LabelSets#hash}
     */
    public static Key<IdentityNumber> labels(String sha256) {
        return in(LABELS, sha256);
    }

    public static Key<FreedNumber> freedNumber(int id) {
        return in(FREED_NUMBERS, number(id));
    }

    public static Key<NodeAddressOwner> nodeAddress(ByteString address) {
        return in(NODE_ADDRESSES, Prefixes.format(address));
    }

    public static Key<WorkloadLocation> workloadLocation(String namespace, String name) {
        return in(WORKLOAD_LOCATIONS, namespace + "/" + name);
    }

    public static KeyRange<WorkloadLocation> workloadLocationsIn(String namespace) {
        return range(WORKLOAD_LOCATIONS.prefix() + namespace + "/", WorkloadLocation.parser());
    }

    public static Key<PeerSet> peerSet(String setId) {
        return in(PEER_SETS, setId);
    }

    public static Key<CompiledPolicy> rules(String policyId) {
        return in(RULES, policyId);
    }

    public static Key<IdentityPolicy> identityPolicy(int id) {
        return in(IDENTITY_POLICIES, number(id));
    }

    public static Key<NodeAddresses> clusterNode(String node) {
        return in(CLUSTER_NODES, node);
    }

    public static Key<PoolRanges> clusterPool(String pool) {
        return in(CLUSTER_POOLS, pool);
    }

    public static Key<BlockOwner> clusterBlock(String pool, Prefix block) {
        return in(CLUSTER_BLOCKS, pool + "/" + Prefixes.keyPart(block));
    }

    public static KeyRange<BlockOwner> clusterBlocksOf(String pool) {
        return range(CLUSTER_BLOCKS.prefix() + pool + "/", BlockOwner.parser());
    }

    public static Key<Endpoint> endpoint(String node, String uid) {
        return in(ENDPOINTS, node + "/" + uid);
    }

    public static KeyRange<Endpoint> endpointsOf(String node) {
        return range(ENDPOINTS.prefix() + node + "/", Endpoint.parser());
    }

    public static Key<Workload> workload(String node, String uid) {
        return in(workloadsOf(node), uid);
    }

    public static KeyRange<Workload> workloadsOf(String node) {
        return range(NODES + node + "/workloads/", Workload.parser());
    }

    public static Key<Block> nodeBlock(String node, String pool, Prefix block) {
        return in(blocksOf(node), pool + "/" + Prefixes.keyPart(block));
    }

    public static KeyRange<Block> blocksOf(String node) {
        return range(NODES + node + "/blocks/", Block.parser());
    }

    public static KeyRange<Block> blocksOf(String node, String pool) {
        return range(NODES + node + "/blocks/" + pool + "/", Block.parser());
    }

    public static Key<Attached> attached(String node, String uid) {
        return in(attachedOf(node), uid);
    }

    public static KeyRange<Attached> attachedOf(String node) {
        return range(NODES + node + "/agent/attached/", Attached.parser());
    }

    public static Key<Demand> demand(String node) {
        return new Key<>(NODES + node + "/agent/demand", Demand.parser());
    }

    public static Key<Realised> realised(String node) {
        return new Key<>(NODES + node + "/agent/realised", Realised.parser());
    }

    public static Key<AdoptionReport> adoptionReport(String node) {
        return new Key<>(NODES + node + "/agent/adoption", AdoptionReport.parser());
    }

    public static Key<NodeAdopted> nodeAdopted(String node) {
        return new Key<>(NODES + node + "/adopted", NodeAdopted.parser());
    }

    /** Everything of one node, as a prefix to watch. */
    public static String node(String node) {
        return NODES + node + "/";
    }

    public static Key<Pool> pool(String name) {
        return in(POOLS, name);
    }

    /** Written with every block granted from the pool. */
    public static Key<PoolChanges> poolGrants(String pool) {
        return new Key<>(ROOT + "pool-grants/" + pool, PoolChanges.parser());
    }

    public static Key<Liveness> live(String node) {
        return in(LIVE, node);
    }

    public static Key<Leader> leader(String service) {
        return new Key<>(ROOT + "leaders/" + service, Leader.parser());
    }

    /** The identity's number behind {@link #IDENTITIES} or {@link #IDENTITY_POLICIES}. */
    public static int identityNumber(String part) {
        return Integer.parseUnsignedInt(part);
    }

    private static String number(int id) {
        return String.format("%010d", Integer.toUnsignedLong(id));
    }

    private static <M extends MessageLite> Key<M> in(KeyRange<M> range, String part) {
        return new Key<>(range.prefix() + part, range.parser());
    }

    private static <M extends MessageLite> KeyRange<M> range(String prefix, Parser<M> parser) {
        return new KeyRange<>(prefix, parser);
    }
}

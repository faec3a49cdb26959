package io.pilus.node.route;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.NodeAddresses;
import io.pilus.etcd.UnreadableValueException;
import io.pilus.node.state.Delta;
import io.pilus.node.state.Entry;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jboss.logging.Logger;

/**
 * Which workload or node holds an address, as {@code cluster/endpoints} and {@code cluster/nodes} say. Look-ups are safe from
 * any thread; changes come from one.
 */
public final class AddressBook {

    private static final Logger LOG = Logger.getLogger(AddressBook.class);
    private static final Comparator<Holder> NEWEST_FIRST =
            Comparator.comparingLong(Holder::writtenAt).reversed();

    /** Sorted: the hashes of a block's addresses are next to each other, and many are equal. */
    private final Map<ByteString, List<Holder>> holders =
            new ConcurrentSkipListMap<>(ByteString.unsignedLexicographicalComparator());

    private final Map<String, List<ByteString>> nodes = new ConcurrentHashMap<>();

    /** By node: the addresses of its workloads. */
    private final Map<String, Set<ByteString>> workloads = new HashMap<>();

    /** The newest of those that are said to hold it. */
    public Optional<Holder> holder(ByteString address) {
        return Optional.ofNullable(holders.get(address)).map(List::getFirst);
    }

    /** Whether a workload is said to hold it. */
    boolean isPublished(ByteString address) {
        return holders.getOrDefault(address, List.of()).stream().anyMatch(Holder.Workload.class::isInstance);
    }

    /** The node's own addresses, in the order of its key; empty while it is not known. */
    List<ByteString> addressesOf(String node) {
        return nodes.getOrDefault(node, List.of());
    }

    /** All that somebody holds. */
    Set<ByteString> addresses() {
        return holders.keySet();
    }

    void clear() {
        holders.clear();
        nodes.clear();
        workloads.clear();
    }

    /** Learns what is there. */
    void load(Collection<Entry> entries) {
        entries.forEach(entry -> add(entry, new HashSet<>()));
    }

    /**
     * Learns a revision.
     *
     * @return the addresses that may have another holder now, or one elsewhere
     */
    Set<ByteString> apply(Delta delta) {
        Set<ByteString> touched = new LinkedHashSet<>();
        for (Delta.Put put : delta.puts()) {
            if (add(put.now(), touched) && put.before() != null) {
                remove(put.before(), touched);
            }
        }
        for (Entry gone : delta.gone()) {
            remove(gone, touched);
            if (Keys.CLUSTER_NODES.contains(gone.key())) {
                String node = Keys.CLUSTER_NODES.parts(gone.key())[0];
                nodes.remove(node);
                touched.addAll(workloads.getOrDefault(node, Set.of()));
            }
        }
        return touched;
    }

    /** Whether it could be read. */
    private boolean add(Entry entry, Set<ByteString> touched) {
        if (Keys.ENDPOINTS.contains(entry.key())) {
            Optional<Endpoint> endpoint = read(entry, Endpoint.parser());
            endpoint.ifPresent(found -> {
                var holder = new Holder.Workload(
                        found.getNode().intern(),
                        found.getNamespace().intern(),
                        found.getName(),
                        found.getIdentity(),
                        entry.modRevision());
                Set<ByteString> ofNode = workloads.computeIfAbsent(holder.node(), _ -> new HashSet<>());
                for (ByteString address : found.getAddressesList()) {
                    put(address, holder);
                    ofNode.add(address);
                    touched.add(address);
                }
            });
            return endpoint.isPresent();
        }
        if (Keys.CLUSTER_NODES.contains(entry.key())) {
            Optional<NodeAddresses> node = read(entry, NodeAddresses.parser());
            node.ifPresent(found -> {
                String name = Keys.CLUSTER_NODES.parts(entry.key())[0].intern();
                nodes.put(name, List.copyOf(found.getAddressesList()));
                var holder = new Holder.Node(name, entry.modRevision());
                for (ByteString address : found.getAddressesList()) {
                    put(address, holder);
                    touched.add(address);
                }
                touched.addAll(workloads.getOrDefault(name, Set.of()));
            });
            return node.isPresent();
        }
        return false;
    }

    /** Removes what an older value of a key said. */
    private void remove(Entry entry, Set<ByteString> touched) {
        if (Keys.ENDPOINTS.contains(entry.key())) {
            read(entry, Endpoint.parser()).ifPresent(endpoint -> {
                for (ByteString address : endpoint.getAddressesList()) {
                    drop(address, entry.modRevision(), endpoint.getNode(), false);
                    touched.add(address);
                    Set<ByteString> ofNode = workloads.get(endpoint.getNode());
                    if (ofNode != null
                            && holders.getOrDefault(address, List.of()).stream()
                                    .noneMatch(holder -> holder instanceof Holder.Workload
                                            && holder.node().equals(endpoint.getNode()))) {
                        ofNode.remove(address);
                        if (ofNode.isEmpty()) {
                            workloads.remove(endpoint.getNode());
                        }
                    }
                }
            });
        } else if (Keys.CLUSTER_NODES.contains(entry.key())) {
            String name = Keys.CLUSTER_NODES.parts(entry.key())[0];
            read(entry, NodeAddresses.parser()).ifPresent(node -> {
                for (ByteString address : node.getAddressesList()) {
                    drop(address, entry.modRevision(), name, true);
                    touched.add(address);
                }
            });
        }
    }

    private void put(ByteString address, Holder holder) {
        List<Holder> all = new ArrayList<>(holders.getOrDefault(address, List.of()));
        all.add(holder);
        all.sort(NEWEST_FIRST);
        holders.put(address, List.copyOf(all));
    }

    private void drop(ByteString address, long writtenAt, String node, boolean isNode) {
        List<Holder> rest = holders.getOrDefault(address, List.of()).stream()
                .filter(holder -> holder.writtenAt() != writtenAt
                        || !holder.node().equals(node)
                        || holder instanceof Holder.Node != isNode)
                .toList();
        if (rest.isEmpty()) {
            holders.remove(address);
        } else {
            holders.put(address, rest);
        }
    }

    private static <M extends MessageLite> Optional<M> read(Entry entry, Parser<M> parser) {
        try {
            return Optional.of(entry.read(parser));
        } catch (UnreadableValueException e) {
            LOG.error(e.getMessage());
            return Optional.empty();
        }
    }
}

package io.pilus.node.route;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.pilus.contract.Identities;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.TunnelMacs;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.contract.v1.Prefix;
import io.pilus.contract.v1.RealisedError;
import io.pilus.etcd.UnreadableValueException;
import io.pilus.netlink.MacAddress;
import io.pilus.node.datapath.Destination;
import io.pilus.node.datapath.Range;
import io.pilus.node.state.ClusterView;
import io.pilus.node.state.Delta;
import io.pilus.node.state.Entry;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Keeps the datapath's maps of addresses and ranges equal to what the cluster says. A workload of another node is in them once
 * its node's addresses are known. Changes come from one thread.
 */
final class Routes {

    private static final MacAddress NO_MAC = new MacAddress(0);

    private final String thisNode;
    private final boolean natively;
    private final ClusterView cluster;
    private final Destinations destinations;
    private final Ranges ranges;
    private final AddressBook book;
    private final Map<String, String> unreadable = new TreeMap<>();

    /**
     * @param natively pods' addresses travel as they are: the next hop is of their own family
     */
    Routes(
            String thisNode,
            boolean natively,
            ClusterView cluster,
            AddressBook book,
            Destinations destinations,
            Ranges ranges) {
        this.thisNode = thisNode;
        this.natively = natively;
        this.cluster = cluster;
        this.book = book;
        this.destinations = destinations;
        this.ranges = ranges;
    }

    /** Brings the kernel in line with the whole view. */
    void start() {
        book.clear();
        book.load(cluster.entries(Keys.CLUSTER_NODES));
        book.load(cluster.entries(Keys.ENDPOINTS));
        destinations.start(book.addresses(), this::destination);
        ranges.set(desiredRanges());
    }

    /** Brings the kernel in line with a revision that is in the view. */
    void apply(Delta delta) {
        Set<ByteString> touched = new LinkedHashSet<>(book.apply(delta));
        boolean ownAddresses = touchesRange(delta, Keys.clusterNode(thisNode).path());
        if (ownAddresses) {
            touched.addAll(book.addresses());
        }
        destinations.update(touched);
        if (touchesRange(delta, Keys.CLUSTER_POOLS.prefix())
                || touchesRange(delta, Keys.CLUSTER_BLOCKS.prefix())
                || touchesRange(delta, Keys.CLUSTER_NODES.prefix())) {
            ranges.set(desiredRanges());
        }
    }

    /** The ranges of all pools: what the node's routes lead into the datapath. */
    Set<Prefix> pools() {
        Set<Prefix> all = new LinkedHashSet<>();
        for (Entry entry : cluster.entries(Keys.CLUSTER_POOLS)) {
            read(entry, PoolRanges.parser()).ifPresent(pool -> all.addAll(pool.getRangesList()));
        }
        return all;
    }

    int rangeCount() {
        return ranges.size();
    }

    int rangeCapacity() {
        return ranges.capacity();
    }

    /** What is not as the view says, and why. */
    List<RealisedError> errors() {
        List<RealisedError> errors = new ArrayList<>();
        Set<ByteString> addresses = destinations.full();
        if (!addresses.isEmpty()) {
            errors.add(RealisedError.newBuilder()
                    .setSubject("destinations")
                    .setReason("full")
                    .setMessage("there is no room for %d addresses, for example %s: the map holds %d"
                            .formatted(
                                    addresses.size(),
                                    Prefixes.format(addresses.iterator().next()),
                                    destinations.capacity()))
                    .build());
        }
        if (!ranges.full().isEmpty()) {
            errors.add(RealisedError.newBuilder()
                    .setSubject("ranges")
                    .setReason("full")
                    .setMessage("there is no room for %d pools and blocks, for example %s: the map holds %d"
                            .formatted(
                                    ranges.full().size(),
                                    Prefixes.format(ranges.full().iterator().next()),
                                    ranges.capacity()))
                    .build());
        }
        unreadable.forEach((key, reason) -> errors.add(RealisedError.newBuilder()
                .setSubject(key)
                .setReason("unreadable")
                .setMessage(reason)
                .build()));
        return errors;
    }

    private Optional<Destination> destination(ByteString address) {
        return book.holder(address).flatMap(holder -> switch (holder) {
            case Holder.Node node
            when node.node().equals(thisNode) -> Optional.of(Destination.thisNode(Identities.HOST));
            case Holder.Node node ->
                underlay(node.node(), address)
                        .map(underlay -> Destination.node(underlay, Identities.REMOTE_NODE, tunnelMac(node.node())));
            case Holder.Workload workload when workload.node().equals(thisNode) -> Optional.empty();
            case Holder.Workload workload ->
                underlay(workload.node(), address)
                        .map(underlay -> Destination.remote(underlay, workload.identity(), tunnelMac(workload.node())));
        });
    }

    private Map<Prefix, Range> desiredRanges() {
        Map<Prefix, Range> desired = new LinkedHashMap<>();
        pools().forEach(prefix -> desired.put(prefix, new Range(ByteString.EMPTY, NO_MAC, Range.POOL)));
        for (Entry entry : cluster.entries(Keys.CLUSTER_BLOCKS)) {
            read(entry, BlockOwner.parser())
                    .ifPresent(owner -> range(owner).ifPresent(range -> desired.put(owner.getBlock(), range)));
        }
        return desired;
    }

    private Optional<Range> range(BlockOwner owner) {
        if (owner.getNode().isEmpty()) {
            return Optional.empty();
        }
        if (owner.getNode().equals(thisNode)) {
            return Optional.of(new Range(ByteString.EMPTY, NO_MAC, Range.POOL | Range.BLOCK | Range.THIS_NODE));
        }
        return underlay(owner.getNode(), owner.getBlock().getAddress())
                .map(address -> new Range(address, tunnelMac(owner.getNode()), Range.POOL | Range.BLOCK));
    }

    /** The address at which this node reaches the other: of a family that both have, natively the pod's own, else IPv4 first. */
    private Optional<ByteString> underlay(String node, ByteString pod) {
        List<ByteString> own = book.addressesOf(thisNode);
        return book.addressesOf(node).stream()
                .filter(address -> own.isEmpty() || own.stream().anyMatch(mine -> mine.size() == address.size()))
                .min(Comparator.comparing((ByteString address) -> natively && address.size() != pod.size())
                        .thenComparingInt(ByteString::size));
    }

    private <M extends MessageLite> Optional<M> read(Entry entry, Parser<M> parser) {
        try {
            M value = entry.read(parser);
            unreadable.remove(entry.key());
            return Optional.of(value);
        } catch (UnreadableValueException e) {
            unreadable.put(entry.key(), String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    private static MacAddress tunnelMac(String node) {
        return MacAddress.of(TunnelMacs.of(node));
    }

    private static boolean touchesRange(Delta delta, String prefix) {
        return delta.puts().stream().anyMatch(put -> put.now().key().startsWith(prefix))
                || delta.gone().stream().anyMatch(gone -> gone.key().startsWith(prefix));
    }
}

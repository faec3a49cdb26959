package io.pilus.node.route;

import com.google.protobuf.ByteString;
import io.pilus.node.datapath.Destination;
import io.pilus.node.datapath.MapFullException;
import io.pilus.node.datapath.TypedMap;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * The one writer of the datapath's map of addresses. What is attached here, and the node's own addresses, beat what the
 * cluster says: an address that was just leased may still be published for another holder. Safe for several threads.
 */
public final class Destinations {

    private final TypedMap<ByteString, Destination> map;

    /** What this node itself has: pods, and its own addresses. */
    private final Map<ByteString, Destination> local = new HashMap<>();

    /** What the kernel has besides. Sorted: the hashes of a block's addresses are next to each other, and many are equal. */
    private final Set<ByteString> remote = new TreeSet<>(ByteString.unsignedLexicographicalComparator());

    private final Set<ByteString> full = new LinkedHashSet<>();
    private Function<ByteString, Optional<Destination>> cluster = _ -> Optional.empty();

    /** Finds what an earlier life of the agent left in the map. */
    public Destinations(TypedMap<ByteString, Destination> map) {
        this.map = map;
        map.entries().forEach((address, destination) -> {
            if (isLocal(destination)) {
                local.put(address, destination);
            } else {
                remote.add(address);
            }
        });
    }

    /**
     * A pod of this node has the address from here on, or the node itself.
     *
     * @throws MapFullException when there is no room
     */
    public synchronized void putLocal(ByteString address, Destination destination) {
        map.put(address, destination);
        local.put(address, destination);
        remote.remove(address);
        full.remove(address);
    }

    /** No pod of this node has it any more: it is again whoever's the cluster says. */
    public synchronized void removeLocal(ByteString address) {
        local.remove(address);
        replace(address);
    }

    /** What this node itself has. */
    public synchronized Map<ByteString, Destination> local() {
        return Map.copyOf(local);
    }

    /** How many there are in the map. */
    public synchronized int size() {
        return local.size() + remote.size();
    }

    public int capacity() {
        return map.capacity();
    }

    /** Addresses that there was no room for: packets to and from them are dropped as unresolved. */
    synchronized Set<ByteString> full() {
        return new LinkedHashSet<>(full);
    }

    /**
     * Brings the whole map in line with the cluster.
     *
     * @param all addresses of which the cluster says something
     * @param desired what it says of one
     */
    synchronized void start(Collection<ByteString> all, Function<ByteString, Optional<Destination>> desired) {
        cluster = desired;
        Map<ByteString, Destination> found = map.entries();
        for (ByteString address : all) {
            if (!local.containsKey(address)
                    && !desired.apply(address).equals(Optional.ofNullable(found.get(address)))) {
                write(address);
            }
        }
        for (ByteString address : List.copyOf(remote)) {
            if (desired.apply(address).isEmpty()) {
                write(address);
            }
        }
    }

    /** Brings these in line with the cluster; additions come before removals. */
    synchronized void update(Collection<ByteString> addresses) {
        Set<ByteString> later = new LinkedHashSet<>();
        for (ByteString address : addresses) {
            if (cluster.apply(address).isPresent()) {
                write(address);
            } else {
                later.add(address);
            }
        }
        later.forEach(this::write);
        if (!later.isEmpty()) {
            List.copyOf(full).forEach(this::write);
        }
    }

    private void write(ByteString address) {
        if (!local.containsKey(address)
                && map.get(address).filter(Destinations::isLocal).isEmpty()) {
            replace(address);
        }
    }

    private void replace(ByteString address) {
        Optional<Destination> desired = cluster.apply(address);
        if (desired.isEmpty()) {
            map.remove(address);
            remote.remove(address);
            full.remove(address);
            return;
        }
        try {
            map.put(address, desired.get());
            remote.add(address);
            full.remove(address);
        } catch (MapFullException e) {
            full.add(address);
        }
    }

    private static boolean isLocal(Destination destination) {
        return (destination.flags() & (Destination.LOCAL | Destination.THIS_NODE)) != 0;
    }
}

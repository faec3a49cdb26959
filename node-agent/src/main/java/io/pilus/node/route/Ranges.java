package io.pilus.node.route;

import io.pilus.contract.v1.Prefix;
import io.pilus.node.datapath.MapFullException;
import io.pilus.node.datapath.Range;
import io.pilus.node.datapath.TypedMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The datapath's map of pools and blocks. Not safe for use by several threads. */
final class Ranges {

    private final TypedMap<Prefix, Range> map;
    private final Map<Prefix, Range> inKernel;
    private final Set<Prefix> full = new HashSet<>();

    /** Finds what an earlier life of the agent left in the map. */
    Ranges(TypedMap<Prefix, Range> map) {
        this.map = map;
        this.inKernel = new HashMap<>(map.entries());
    }

    /** Brings the map in line; additions come before removals. */
    void set(Map<Prefix, Range> desired) {
        full.clear();
        desired.forEach((prefix, range) -> {
            if (!range.equals(inKernel.get(prefix))) {
                put(prefix, range);
            }
        });
        for (Prefix prefix : List.copyOf(inKernel.keySet())) {
            if (!desired.containsKey(prefix)) {
                map.remove(prefix);
                inKernel.remove(prefix);
            }
        }
    }

    /** Those that there was no room for. */
    Set<Prefix> full() {
        return Set.copyOf(full);
    }

    int size() {
        return inKernel.size();
    }

    int capacity() {
        return map.capacity();
    }

    private void put(Prefix prefix, Range range) {
        try {
            map.put(prefix, range);
            inKernel.put(prefix, range);
        } catch (MapFullException e) {
            full.add(prefix);
        }
    }
}

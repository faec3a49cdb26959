package io.pilus.node.policy;

import io.pilus.model.CellKey;
import io.pilus.model.Half;
import java.util.HashMap;
import java.util.Map;

/**
 * The numbers that a table's classes of peers have in the kernel. They are the model's own, unless the kernel's table was
 * written in an earlier life of the agent: its numbers tell in which order identities came.
 */
final class KernelClasses {

    /** An identity that this node does not know. */
    static final int UNRESOLVED = 0;

    /** A known identity that no rule tells apart. */
    static final int CLUSTER = 1;

    /** Below it classes have the same number in every table: unresolved, cluster and host. */
    static final int FIRST = 3;

    private static final int LAST = 0xffff;

    private final boolean same;
    private final Map<Integer, Integer> numbers;
    private int next;

    private KernelClasses(boolean same, Map<Integer, Integer> numbers, int next) {
        this.same = same;
        this.numbers = numbers;
        this.next = next;
    }

    static KernelClasses own() {
        return new KernelClasses(true, Map.of(), 0);
    }

    /**
     * @param numbers of the model's classes, in the kernel
     * @param highest number that the kernel's table uses at all
     */
    static KernelClasses adopted(Map<Integer, Integer> numbers, int highest) {
        return new KernelClasses(false, new HashMap<>(numbers), Math.max(FIRST, highest + 1));
    }

    /**
     * @throws TableFullException when no number is left
     */
    int of(int modelClass) {
        if (same || modelClass < FIRST) {
            return modelClass;
        }
        Integer known = numbers.get(modelClass);
        if (known != null) {
            return known;
        }
        if (next > LAST) {
            throw new TableFullException("the adopted table has no class left");
        }
        numbers.put(modelClass, next);
        return next++;
    }

    CellKey of(CellKey key) {
        return switch (key.half()) {
            case PEER -> new CellKey(Half.PEER, key.direction(), of(key.peer()), key.port());
            case MANAGED, UNMANAGED -> key;
        };
    }
}

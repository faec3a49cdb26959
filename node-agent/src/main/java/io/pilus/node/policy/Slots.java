package io.pilus.node.policy;

import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which slot each subject has, and what its word says. Generations come from one counter of the node, kept in the word of
 * slot 0, which names no table: it lives as long as the maps do, and a connection that remembers a generation with it. The
 * same word has a mark from before a table in force takes something away until what was allowed is judged again: a life of
 * the agent that ends between the two leaves it to the next.
 */
final class Slots {

    private static final int COUNTER = 0;
    private static final int TAKING_AWAY = 1;

    private final PolicyMaps maps;
    private final Map<Integer, Integer> slots = new HashMap<>();
    private final BitSet taken = new BitSet();
    private int generation;
    private int mark;

    private Slots(PolicyMaps maps) {
        this.maps = maps;
        taken.set(COUNTER);
        mark = table(COUNTER);
        for (int slot = 0; slot < maps.slotCount(); slot++) {
            int used = (int) (maps.slot(slot) >>> 32);
            if (Integer.compareUnsigned(used, generation) > 0) {
                generation = used;
            }
        }
    }

    static Slots open(PolicyMaps maps) {
        return new Slots(maps);
    }

    /** The subject's slot, once it has one. */
    Optional<Integer> of(int identity) {
        return Optional.ofNullable(slots.get(identity));
    }

    /** What an endpoint in the kernel says: its subject has this slot. */
    void adopt(int identity, int slot) {
        slots.put(identity, slot);
        taken.set(slot);
    }

    /** The table that the slot names now, 0 for none. */
    int table(int slot) {
        return (int) maps.slot(slot);
    }

    /**
     * Has the subject judged by this table, from the next packet on. What was allowed is judged again.
     *
     * @return the subject's slot
     * @throws TableFullException when no slot is left
     */
    int point(int identity, int table) {
        Integer slot = slots.get(identity);
        if (slot == null) {
            slot = taken.nextClearBit(1);
            if (slot >= maps.slotCount()) {
                throw new TableFullException("all " + (maps.slotCount() - 1) + " slots of subjects are taken");
            }
            adopt(identity, slot);
        }
        maps.slot(slot, word(nextGeneration(), table));
        return slot;
    }

    /** What was allowed under the subject's table is judged again. */
    void raise(int identity) {
        Integer slot = slots.get(identity);
        if (slot != null) {
            maps.slot(slot, word(nextGeneration(), table(slot)));
        }
    }

    /** To be called before a table in force takes something away. */
    void beginTakingAway() {
        if (mark != TAKING_AWAY) {
            mark(TAKING_AWAY);
        }
    }

    /** What was taken away is judged by {@link #raise}d generations everywhere. */
    void endTakingAway() {
        if (mark != 0) {
            mark(0);
        }
    }

    /** Whether something was taken away of which {@link #endTakingAway} has not been said, in this life or an earlier one. */
    boolean isTakingAway() {
        return mark != 0;
    }

    /** The subject is none any more; no endpoint names its slot. */
    void release(int identity) {
        Integer slot = slots.remove(identity);
        if (slot != null) {
            maps.slot(slot, 0);
            taken.clear(slot);
        }
    }

    /** Slots that an earlier life left and no subject has: they name no table any more. */
    void clearRest() {
        for (int slot = taken.nextClearBit(1); slot < maps.slotCount(); slot = taken.nextClearBit(slot + 1)) {
            if (maps.slot(slot) != 0) {
                maps.slot(slot, 0);
            }
        }
    }

    /** The tables that subjects' slots name. */
    Set<Integer> tables() {
        Set<Integer> tables = new HashSet<>();
        slots.values().forEach(slot -> tables.add(table(slot)));
        return tables;
    }

    /** How many subjects have one. */
    int count() {
        return slots.size();
    }

    /** The counter is in the kernel before anything uses its value: it never gives one twice. */
    private int nextGeneration() {
        generation++;
        maps.slot(COUNTER, word(generation, mark));
        return generation;
    }

    private void mark(int next) {
        mark = next;
        maps.slot(COUNTER, word(generation, next));
    }

    private static long word(int generation, int table) {
        return (long) generation << 32 | Integer.toUnsignedLong(table);
    }
}

package io.pilus.node.policy;

import io.pilus.libbpf.BpfException;
import io.pilus.model.CellKey;
import io.pilus.model.Half;
import io.pilus.model.MapChange;
import io.pilus.model.VerdictTable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The verdict tables in the kernel. A table is written under a number that was never used while these maps have existed,
 * and is nobody's until a slot names it.
 */
final class KernelTables {

    /** Its peers are the identities that this node knows. */
    private static final int KNOWN = 0;

    private final PolicyMaps maps;
    private final Map<Integer, PolicyMaps.Contents> found;
    private final Set<Integer> known = new HashSet<>();
    private int lastTable;

    private KernelTables(PolicyMaps maps, Map<Integer, PolicyMaps.Contents> found) {
        this.maps = maps;
        this.found = found;
        PolicyMaps.Contents identities = found.remove(KNOWN);
        if (identities != null) {
            known.addAll(identities.peers().keySet());
        }
        lastTable = found.keySet().stream().mapToInt(table -> table).max().orElse(0);
        for (int slot = 1; slot < maps.slotCount(); slot++) {
            lastTable = Math.max(lastTable, (int) maps.slot(slot));
        }
    }

    /** Finds what an earlier life of the agent has left. */
    static KernelTables open(PolicyMaps maps) {
        return new KernelTables(maps, maps.read());
    }

    /**
     * A table that the kernel has.
     *
     * @param more cells that the model has not: of classes that no identity is in any more
     * @param unresolved identities for which there was no class
     * @param incomplete classes of the model of which a cell is missing, for want of room: nothing may lead to them
     */
    record KernelTable(
            int number,
            VerdictTable model,
            KernelClasses classes,
            Set<CellKey> more,
            Set<Integer> unresolved,
            Set<Integer> incomplete) {

        KernelTable(int number, VerdictTable model, KernelClasses classes, Set<CellKey> more) {
            this(number, model, classes, more, new HashSet<>(), new HashSet<>());
        }
    }

    /** The identities that the datapath counts as known. */
    Set<Integer> known() {
        return Collections.unmodifiableSet(known);
    }

    /**
     * From here on the identity is judged by its classes.
     *
     * @throws TableFullException when there is no room
     */
    void know(int identity) {
        maps.peer(KNOWN, identity, KernelClasses.CLUSTER);
        known.add(identity);
    }

    /** From here on the identity is unresolved, where no table has a class for it. */
    void forget(int identity) {
        maps.removePeer(KNOWN, identity);
        known.remove(identity);
    }

    /**
     * Writes a table.
     *
     * @throws TableFullException when there is no room; nothing is left of it then
     */
    KernelTable write(VerdictTable model) {
        int number = ++lastTable;
        var table = new KernelTable(number, model, KernelClasses.own(), Set.of());
        try {
            maps.write(number, model, table.classes());
        } catch (TableFullException | BpfException e) {
            remove(table);
            throw e;
        }
        return table;
    }

    /**
     * Changes a table in force.
     *
     * @throws TableFullException when there is no room; the changes before that have been made
     */
    void apply(KernelTable table, List<MapChange> changes) {
        for (MapChange change : changes) {
            switch (change) {
                case MapChange.PutCell put -> putCell(table, put.key(), put.cell());
                case MapChange.PutPeerClass put -> putPeer(table, put.identity(), put.peerClass());
                case MapChange.RemovePeerClass removed -> maps.removePeer(table.number(), removed.identity());
            }
        }
    }

    /**
     * Writes again what the model says of an identity, after there was no room.
     *
     * @throws TableFullException when there still is none
     */
    void repair(KernelTable table, int identity) {
        Integer peerClass = table.model().peerClasses().get(identity);
        if (peerClass == null) {
            maps.removePeer(table.number(), identity);
        } else {
            putPeer(table, identity, peerClass);
        }
    }

    private void putCell(KernelTable table, CellKey key, long cell) {
        table.incomplete().add(key.peer());
        maps.cell(table.number(), table.classes().of(key), cell);
        table.incomplete().remove(key.peer());
    }

    private void putPeer(KernelTable table, int identity, int peerClass) {
        if (table.incomplete().contains(peerClass)) {
            table.model().cells().forEach((key, cell) -> {
                if (key.half() == Half.PEER && key.peer() == peerClass) {
                    maps.cell(table.number(), table.classes().of(key), cell);
                }
            });
            table.incomplete().remove(peerClass);
        }
        maps.peer(table.number(), identity, table.classes().of(peerClass));
    }

    /** Judges the identity as one that is not known, until its class is written. */
    void unresolve(KernelTable table, int identity) {
        maps.peer(table.number(), identity, KernelClasses.UNRESOLVED);
        table.unresolved().add(identity);
    }

    /** Removes a table that no slot names. */
    void remove(KernelTable table) {
        var contents = new PolicyMaps.Contents(
                null,
                new HashMap<>(table.model().peerClasses()),
                table.model().addressClasses(),
                table.model().portClasses(),
                new HashMap<>());
        table.model()
                .cells()
                .forEach((key, cell) -> contents.cells().put(table.classes().of(key), cell));
        table.more().forEach(key -> contents.cells().put(key, 0L));
        table.unresolved().forEach(identity -> contents.peers().put(identity, KernelClasses.UNRESOLVED));
        maps.remove(table.number(), contents);
    }

    /**
     * Takes over a table of an earlier life, if it says just what the model says. Its classes may have other numbers.
     *
     * @param number as a slot names it
     */
    Optional<KernelTable> adopt(int number, VerdictTable model) {
        PolicyMaps.Contents contents = found.get(number);
        if (contents == null || !Arrays.equals(contents.header(), Layout.header(model))) {
            return Optional.empty();
        }
        Map<Integer, Integer> classes = classes(contents, model);
        if (classes == null
                || !contents.ports().equals(model.portClasses())
                || !contents.addresses().equals(model.addressClasses())) {
            return Optional.empty();
        }
        int highest = contents.cells().keySet().stream()
                .filter(key -> key.half() == Half.PEER)
                .mapToInt(CellKey::peer)
                .max()
                .orElse(0);
        KernelClasses translation = KernelClasses.adopted(classes, highest);
        Map<CellKey, Long> more = new HashMap<>(contents.cells());
        for (Map.Entry<CellKey, Long> cell : model.cells().entrySet()) {
            if (!cell.getValue().equals(more.remove(translation.of(cell.getKey())))) {
                return Optional.empty();
            }
        }
        Collection<Integer> used = new HashSet<>(classes.values());
        if (more.keySet().stream()
                .anyMatch(key ->
                        key.half() != Half.PEER || key.peer() < KernelClasses.FIRST || used.contains(key.peer()))) {
            return Optional.empty();
        }
        found.remove(number);
        return Optional.of(new KernelTable(number, model, translation, Set.copyOf(more.keySet())));
    }

    /** Whether there is anything of an earlier life that nobody has taken over. */
    boolean hasUnmodelled() {
        return !found.isEmpty();
    }

    /**
     * In tables of an earlier life that are in force though nobody took them over, the identity is one that is not known.
     *
     * @return whether it was another one before
     * @throws TableFullException when there is no room to say so in a table that did not speak of it; where one did, it is said
     */
    boolean unresolveUnmodelled(int identity) {
        boolean changed = forgetUnmodelled(identity);
        for (Map.Entry<Integer, PolicyMaps.Contents> table : found.entrySet()) {
            Map<Integer, Integer> peers = table.getValue().peers();
            if (!peers.containsKey(identity)) {
                maps.peer(table.getKey(), identity, KernelClasses.UNRESOLVED);
                peers.put(identity, KernelClasses.UNRESOLVED);
                changed |= known.contains(identity);
            }
        }
        return changed;
    }

    /**
     * The same where such tables speak of the identity.
     *
     * @return whether one did
     */
    boolean forgetUnmodelled(int identity) {
        boolean changed = false;
        for (Map.Entry<Integer, PolicyMaps.Contents> table : found.entrySet()) {
            Map<Integer, Integer> peers = table.getValue().peers();
            if (peers.getOrDefault(identity, KernelClasses.UNRESOLVED) != KernelClasses.UNRESOLVED) {
                maps.peer(table.getKey(), identity, KernelClasses.UNRESOLVED);
                peers.put(identity, KernelClasses.UNRESOLVED);
                changed = true;
            }
        }
        return changed;
    }

    /**
     * What an earlier life left, nobody took over and no slot names.
     *
     * @param named the tables that slots name
     * @return what removes it
     */
    List<Runnable> takeUnmodelled(Set<Integer> named) {
        List<Runnable> removals = new ArrayList<>();
        for (int number : List.copyOf(found.keySet())) {
            if (!named.contains(number)) {
                PolicyMaps.Contents contents = found.remove(number);
                if (contents != null) {
                    removals.add(() -> maps.remove(number, contents));
                }
            }
        }
        return removals;
    }

    /** The kernel's number of each of the model's classes, or null when identities are grouped otherwise. */
    private static @Nullable Map<Integer, Integer> classes(PolicyMaps.Contents contents, VerdictTable model) {
        if (!contents.peers().keySet().equals(model.peerClasses().keySet())) {
            return null;
        }
        Map<Integer, Integer> classes = new HashMap<>();
        Set<Integer> taken = new HashSet<>();
        for (Map.Entry<Integer, Integer> peer : model.peerClasses().entrySet()) {
            int mine = peer.getValue();
            int theirs = contents.peers().getOrDefault(peer.getKey(), KernelClasses.UNRESOLVED);
            Integer before = classes.putIfAbsent(mine, theirs);
            boolean fixed = mine < KernelClasses.FIRST || theirs < KernelClasses.FIRST;
            if (before == null ? !taken.add(theirs) : before != theirs) {
                return null;
            }
            if (fixed && mine != theirs) {
                return null;
            }
        }
        return classes;
    }
}

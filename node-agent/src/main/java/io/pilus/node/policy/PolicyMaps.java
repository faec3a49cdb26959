package io.pilus.node.policy;

import io.pilus.contract.v1.Prefix;
import io.pilus.libbpf.BpfException;
import io.pilus.libbpf.BpfMap;
import io.pilus.model.CellKey;
import io.pilus.model.PortKey;
import io.pilus.model.VerdictTable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jnr.constants.platform.Errno;
import org.jspecify.annotations.Nullable;

/** The maps in which the datapath finds verdict tables, by what they mean. */
class PolicyMaps {

    private final BpfMap slots;
    private final BpfMap tables;
    private final BpfMap peers;
    private final BpfMap addresses;
    private final BpfMap ports;
    private final BpfMap cells;

    PolicyMaps(BpfMap slots, BpfMap tables, BpfMap peers, BpfMap addresses, BpfMap ports, BpfMap cells) {
        this.slots = slots;
        this.tables = tables;
        this.peers = peers;
        this.addresses = addresses;
        this.ports = ports;
        this.cells = cells;
    }

    /** A table as the kernel has it; the header is null while it is not written. */
    record Contents(
            byte @Nullable [] header,
            Map<Integer, Integer> peers,
            Map<Prefix, Integer> addresses,
            Map<PortKey, Integer> ports,
            Map<CellKey, Long> cells) {

        static Contents empty(byte @Nullable [] header) {
            return new Contents(header, new HashMap<>(), new HashMap<>(), new HashMap<>(), new HashMap<>());
        }
    }

    /** How many slots there are; 0 is not one. */
    int slotCount() {
        return slots.maxEntries();
    }

    /** Generation &lt;&lt; 32 | table. */
    long slot(int slot) {
        return slots.lookup(Layout.u32(slot)).map(Layout::readU64).orElse(0L);
    }

    /** One store: no packet sees half of it. */
    void slot(int slot, long word) {
        update(slots, Layout.u32(slot), Layout.u64(word));
    }

    /** All tables, by number; number 0 has the known identities as its peers. */
    Map<Integer, Contents> read() {
        Map<Integer, Contents> all = new HashMap<>();
        for (BpfMap.Entry entry : tables.entries()) {
            all.put(Layout.readU32(entry.key()), Contents.empty(entry.value()));
        }
        for (BpfMap.Entry entry : peers.entries()) {
            in(all, Layout.tableOf(entry.key()))
                    .peers()
                    .put(Layout.identityOf(entry.key()), Layout.readU32(entry.value()));
        }
        for (BpfMap.Entry entry : addresses.entries()) {
            in(all, Layout.tableOfAddress(entry.key()))
                    .addresses()
                    .put(Layout.prefixOf(entry.key()), Layout.readU32(entry.value()));
        }
        for (BpfMap.Entry entry : ports.entries()) {
            in(all, Layout.tableOf(entry.key())).ports().put(Layout.portOf(entry.key()), Layout.readU32(entry.value()));
        }
        for (BpfMap.Entry entry : cells.entries()) {
            in(all, Layout.tableOf(entry.key())).cells().put(Layout.cellOf(entry.key()), Layout.readU64(entry.value()));
        }
        return all;
    }

    void peer(int table, int identity, int peerClass) {
        put(peers, Layout.peerKey(table, identity), Layout.u32(peerClass));
    }

    void removePeer(int table, int identity) {
        delete(peers, Layout.peerKey(table, identity));
    }

    void cell(int table, CellKey key, long cell) {
        put(cells, Layout.cellKey(table, key), Layout.u64(cell));
    }

    /** Writes a table that has no header yet, the header last. */
    void write(int table, VerdictTable model, KernelClasses classes) {
        List<BpfMap.Entry> entries = new ArrayList<>();
        model.cells()
                .forEach((key, cell) ->
                        entries.add(new BpfMap.Entry(Layout.cellKey(table, classes.of(key)), Layout.u64(cell))));
        putAll(cells, entries);
        model.portClasses()
                .forEach((key, portClass) ->
                        entries.add(new BpfMap.Entry(Layout.portKey(table, key), Layout.u32(portClass))));
        putAll(ports, entries);
        model.addressClasses()
                .forEach((key, addressClass) ->
                        entries.add(new BpfMap.Entry(Layout.addressKey(table, key), Layout.u32(addressClass))));
        putAll(addresses, entries);
        model.peerClasses()
                .forEach((identity, peerClass) -> entries.add(
                        new BpfMap.Entry(Layout.peerKey(table, identity), Layout.u32(classes.of(peerClass)))));
        putAll(peers, entries);
        put(tables, Layout.u32(table), Layout.header(model));
    }

    /** Removes whatever there is of a table, the header first. */
    void remove(int table, Contents contents) {
        delete(tables, Layout.u32(table));
        contents.peers().keySet().forEach(identity -> delete(peers, Layout.peerKey(table, identity)));
        contents.addresses().keySet().forEach(prefix -> delete(addresses, Layout.addressKey(table, prefix)));
        contents.ports().keySet().forEach(port -> delete(ports, Layout.portKey(table, port)));
        contents.cells().keySet().forEach(cell -> delete(cells, Layout.cellKey(table, cell)));
    }

    /** How many entries each map can hold, by what it holds. */
    Map<String, Integer> capacities() {
        Map<String, Integer> capacities = new HashMap<>();
        capacities.put("slots", slots.maxEntries());
        capacities.put("tables", tables.maxEntries());
        capacities.put("peer_classes", peers.maxEntries());
        capacities.put("address_classes", addresses.maxEntries());
        capacities.put("port_classes", ports.maxEntries());
        capacities.put("cells", cells.maxEntries());
        return capacities;
    }

    // every write is one of these three, so that a test can have the agent die at it

    void update(BpfMap map, byte[] key, byte[] value) {
        map.update(key, value);
    }

    void updateAll(BpfMap map, List<BpfMap.Entry> entries) {
        map.updateAll(entries);
    }

    void delete(BpfMap map, byte[] key) {
        map.delete(key);
    }

    private static Contents in(Map<Integer, Contents> all, int table) {
        return all.computeIfAbsent(table, _ -> Contents.empty(null));
    }

    /** Empties the list. */
    private void putAll(BpfMap map, List<BpfMap.Entry> entries) {
        try {
            updateAll(map, entries);
        } catch (BpfException e) {
            throw full(map, e);
        }
        entries.clear();
    }

    private void put(BpfMap map, byte[] key, byte[] value) {
        try {
            update(map, key, value);
        } catch (BpfException e) {
            throw full(map, e);
        }
    }

    private static RuntimeException full(BpfMap map, BpfException e) {
        return e.errno() == Errno.E2BIG.intValue() || e.errno() == Errno.ENOSPC.intValue()
                ? new TableFullException("the map " + map.name() + " is full with " + map.maxEntries() + " entries", e)
                : e;
    }
}

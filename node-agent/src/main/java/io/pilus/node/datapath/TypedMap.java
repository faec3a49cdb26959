package io.pilus.node.datapath;

import io.pilus.libbpf.BpfException;
import io.pilus.libbpf.BpfMap;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import jnr.constants.platform.Errno;

/** A map of the datapath, in Java's terms. Safe for several threads. */
public final class TypedMap<K, V> {

    private final BpfMap map;
    private final Layout<K> keys;
    private final Layout<V> values;

    TypedMap(BpfMap map, Layout<K> keys, Layout<V> values) {
        if (map.keySize() != keys.size() || map.valueSize() != values.size()) {
            throw new IllegalArgumentException("map %s has keys of %d and values of %d bytes, not %d and %d"
                    .formatted(map.name(), map.keySize(), map.valueSize(), keys.size(), values.size()));
        }
        this.map = map;
        this.keys = keys;
        this.values = values;
    }

    public Optional<V> get(K key) {
        return map.lookup(keys.encode(key)).map(values::decode);
    }

    /**
     * Adds or replaces, at once for packets.
     *
     * @throws MapFullException when there is no room; nothing changed then
     */
    public void put(K key, V value) {
        unlessFull(() -> {
            map.update(keys.encode(key), values.encode(value));
            return true;
        });
    }

    /**
     * Adds or replaces many.
     *
     * @throws MapFullException when there is no room for all; some were put then
     */
    public void putAll(Map<K, V> entries) {
        List<BpfMap.Entry> encoded = new ArrayList<>(entries.size());
        entries.forEach((key, value) -> encoded.add(new BpfMap.Entry(keys.encode(key), values.encode(value))));
        unlessFull(() -> {
            map.updateAll(encoded);
            return true;
        });
    }

    /** Whether the key was there. */
    public boolean remove(K key) {
        return map.delete(keys.encode(key));
    }

    /** Removes the key and gives its last value, as one step. */
    public Optional<V> take(K key) {
        return map.take(keys.encode(key)).map(values::decode);
    }

    /** All entries. What comes or goes meanwhile may be missed or seen. */
    public Map<K, V> entries() {
        Map<K, V> entries = new LinkedHashMap<>();
        for (BpfMap.Entry entry : map.entries()) {
            entries.put(keys.decode(entry.key()), values.decode(entry.value()));
        }
        return entries;
    }

    /** All entries, as {@link #entries}, without holding all of them at once. */
    public void forEach(BiConsumer<K, V> consumer) {
        map.forEachBatch(batch ->
                batch.forEach(entry -> consumer.accept(keys.decode(entry.key()), values.decode(entry.value()))));
    }

    public int capacity() {
        return map.maxEntries();
    }

    public String name() {
        return map.name();
    }

    private <T> T unlessFull(Supplier<T> change) {
        try {
            return change.get();
        } catch (BpfException e) {
            if (e.errno() == Errno.E2BIG.intValue() || e.errno() == Errno.ENOSPC.intValue()) {
                throw new MapFullException(map.name(), map.maxEntries(), e);
            }
            throw e;
        }
    }
}

package io.pilus.libbpf;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import jnr.constants.platform.Errno;
import org.jspecify.annotations.Nullable;

/**
 * A map in the kernel, by keys and values of its own sizes, in host order. Of a per-CPU map a value is that of all
 * possible CPUs in a row, each rounded up to 8 bytes. Safe for several threads.
 */
public final class BpfMap implements AutoCloseable {

    /** {@code enum bpf_map_type}: the kinds whose values are per CPU. */
    private static final List<Integer> PER_CPU = List.of(5, 6, 10);

    private static final int BATCH = 1024;

    private final String name;
    private final int fd;
    private final boolean owned;
    private final int type;
    private final int keySize;
    private final int valueSize;
    private final int maxEntries;
    private final int id;

    /** What {@link #update} does where the key exists or does not. */
    public enum Mode {
        ANY(0),
        ABSENT(1),
        PRESENT(2);

        private final long flags;

        Mode(long flags) {
            this.flags = flags;
        }
    }

    /** A key and its value. */
    public record Entry(byte[] key, byte[] value) {}

    BpfMap(String name, int fd, boolean owned) {
        this.name = name;
        this.fd = fd;
        this.owned = owned;
        ByteBuffer info = Kernel.info(fd, name);
        this.type = info.getInt(0);
        this.id = info.getInt(4);
        this.keySize = info.getInt(8);
        int size = info.getInt(12);
        this.valueSize = PER_CPU.contains(type) ? (size + 7) / 8 * 8 * Cpus.possible() : size;
        this.maxEntries = info.getInt(16);
    }

    /**
     * The map that is pinned there.
     *
     * @throws BpfException ENOENT when nothing is
     */
    public static BpfMap pinned(Path pin) {
        int fd = Kernel.check(LibBpf.INSTANCE.bpf_obj_get(pin.toString()), "bpf_obj_get", pin.toString());
        return new BpfMap(String.valueOf(pin.getFileName()), fd, true);
    }

    /**
     * The map with that number: what a look-up in a map of maps gives.
     *
     * @throws BpfException ENOENT when it is gone
     */
    public static BpfMap byId(int id) {
        int fd = Kernel.check(LibBpf.INSTANCE.bpf_map_get_fd_by_id(id), "bpf_map_get_fd_by_id", "map " + id);
        return new BpfMap("map " + id, fd, true);
    }

    public Optional<byte[]> lookup(byte[] key) {
        byte[] value = new byte[valueSize];
        return found(LibBpf.INSTANCE.bpf_map_lookup_elem(fd, key(key), value), "bpf_map_lookup_elem", value);
    }

    /** Removes the key and gives its last value, as one step. Not every type of map can. */
    public Optional<byte[]> take(byte[] key) {
        byte[] value = new byte[valueSize];
        return found(
                LibBpf.INSTANCE.bpf_map_lookup_and_delete_elem(fd, key(key), value),
                "bpf_map_lookup_and_delete_elem",
                value);
    }

    private Optional<byte[]> found(int result, String call, byte[] value) {
        if (result == -Errno.ENOENT.intValue()) {
            return Optional.empty();
        }
        Kernel.check(result, call, name);
        return Optional.of(value);
    }

    public void update(byte[] key, byte[] value) {
        update(key, value, Mode.ANY);
    }

    /**
     * @throws BpfException E2BIG or ENOSPC when the map is full, EEXIST or ENOENT as the mode says
     */
    public void update(byte[] key, byte[] value, Mode mode) {
        if (value.length != valueSize) {
            throw new IllegalArgumentException(
                    "a value of %s has %d bytes, not %d".formatted(name, valueSize, value.length));
        }
        Kernel.check(LibBpf.INSTANCE.bpf_map_update_elem(fd, key(key), value, mode.flags), "bpf_map_update_elem", name);
    }

    /** Many at once, some four times as fast as one by one; stops at the first that fails, keeping those before it. */
    public void updateAll(List<Entry> entries) {
        for (int from = 0; from < entries.size(); from += BATCH) {
            List<Entry> batch = entries.subList(from, Math.min(entries.size(), from + BATCH));
            var keys = ByteBuffer.allocate(batch.size() * keySize);
            var values = ByteBuffer.allocate(batch.size() * valueSize);
            for (Entry entry : batch) {
                keys.put(key(entry.key()));
                values.put(entry.value());
            }
            int[] count = {batch.size()};
            int result = LibBpf.INSTANCE.bpf_map_update_batch(fd, keys.array(), values.array(), count, null);
            if (isUnsupported(result)) {
                batch.forEach(entry -> update(entry.key(), entry.value()));
            } else {
                Kernel.check(result, "bpf_map_update_batch", name);
            }
        }
    }

    /** Whether the key was there. */
    public boolean delete(byte[] key) {
        int result = LibBpf.INSTANCE.bpf_map_delete_elem(fd, key(key));
        if (result == -Errno.ENOENT.intValue()) {
            return false;
        }
        Kernel.check(result, "bpf_map_delete_elem", name);
        return true;
    }

    /** All keys. Those that come or go meanwhile may be missed; when one goes just as it is visited, the walk begins anew. */
    public List<byte[]> keys() {
        List<byte[]> keys = new ArrayList<>();
        byte[] key = null;
        while (true) {
            byte[] next = new byte[keySize];
            int result = LibBpf.INSTANCE.bpf_map_get_next_key(fd, key, next);
            if (result == -Errno.ENOENT.intValue() || keys.size() > 2L * maxEntries) {
                return keys;
            }
            Kernel.check(result, "bpf_map_get_next_key", name);
            keys.add(next);
            key = next;
        }
    }

    /** All keys with their values, as {@link #keys}; a thousand a call where the type of map can. */
    public List<Entry> entries() {
        List<Entry> entries = new ArrayList<>();
        forEachBatch(entries::addAll);
        return entries;
    }

    /** All keys with their values as {@link #entries}, without holding all of them at once. */
    public void forEachBatch(Consumer<List<Entry>> consumer) {
        byte[] from = null;
        int room = Math.min(BATCH, maxEntries);
        while (true) {
            byte[] next = new byte[Math.max(keySize, Integer.BYTES)];
            byte[] keys = new byte[room * keySize];
            byte[] values = new byte[room * valueSize];
            int[] count = {room};
            int result = LibBpf.INSTANCE.bpf_map_lookup_batch(fd, from, next, keys, values, count, null);
            if (isUnsupported(result)) {
                consumer.accept(entriesOneByOne());
                return;
            }
            if (result == -Errno.ENOSPC.intValue()) {
                room *= 2; // a bucket of the hash holds more
                continue;
            }
            boolean last = result == -Errno.ENOENT.intValue();
            if (!last) {
                Kernel.check(result, "bpf_map_lookup_batch", name);
            }
            List<Entry> batch = new ArrayList<>(count[0]);
            for (int i = 0; i < count[0]; i++) {
                batch.add(new Entry(
                        Arrays.copyOfRange(keys, i * keySize, (i + 1) * keySize),
                        Arrays.copyOfRange(values, i * valueSize, (i + 1) * valueSize)));
            }
            consumer.accept(batch);
            if (last) {
                return;
            }
            from = next;
        }
    }

    private List<Entry> entriesOneByOne() {
        List<Entry> entries = new ArrayList<>();
        for (byte[] key : keys()) {
            lookup(key).ifPresent(value -> entries.add(new Entry(key, value)));
        }
        return entries;
    }

    private static boolean isUnsupported(int result) {
        return result == -Errno.EOPNOTSUPP.intValue() || result == -524 /* the kernel's own ENOTSUPP */;
    }

    public void pin(Path path) {
        Kernel.check(LibBpf.INSTANCE.bpf_obj_pin(fd, path.toString()), "bpf_obj_pin", path.toString());
    }

    public String name() {
        return name;
    }

    /** The kernel's number of this map. */
    public int id() {
        return id;
    }

    public int type() {
        return type;
    }

    public int keySize() {
        return keySize;
    }

    /** Of a per-CPU map: of all CPUs together. */
    public int valueSize() {
        return valueSize;
    }

    public int maxEntries() {
        return maxEntries;
    }

    /** The file descriptor: the value by which this map is put into a map of maps. */
    public int descriptor() {
        return fd;
    }

    @Override
    public void close() {
        if (owned) {
            Kernel.close(fd);
        }
    }

    private byte[] key(byte @Nullable [] key) {
        if (key == null || key.length != keySize) {
            throw new IllegalArgumentException(
                    "a key of %s has %d bytes, not %s".formatted(name, keySize, key == null ? "none" : key.length));
        }
        return key;
    }
}

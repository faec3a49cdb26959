package io.pilus.libbpf;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
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

    /** Where struct bpf_map_info has btf_id, before the types of key and value. */
    private static final int BTF_ID = 64;

    private static final int NAME_BYTES = 16;
    private static final String MEMORY = "memlock:";
    private static final int CLOEXEC = 0x80000;

    private final String name;
    private final int fd;
    private final boolean owned;
    private final int type;
    private final int keySize;
    private final int valueSize;

    /** Held exclusively while another map takes this one's place. */
    private final ReentrantReadWriteLock place = new ReentrantReadWriteLock();

    private volatile int maxEntries;
    private volatile int id;
    private volatile @Nullable Growth growth;

    /** What {@link #count} needs to know of an empty map and of an entry; made when first asked. */
    private @Nullable Footprint footprint;

    private record Footprint(long empty, long entry) {}

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

    /** Makes room in a map that is full. */
    @FunctionalInterface
    public interface Growth {
        /**
         * @param entries how many it has room for
         * @return whether it has room for more now
         */
        boolean grow(BpfMap full, int entries);
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
        return pinned(pin, String.valueOf(pin.getFileName()));
    }

    /** As {@link #pinned(Path)}, by another name than the pin's. */
    public static BpfMap pinned(Path pin, String name) {
        int fd = Kernel.check(LibBpf.INSTANCE.bpf_obj_get(pin.toString()), "bpf_obj_get", pin.toString());
        return new BpfMap(name, fd, true);
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

    /** From now on, what finds this map full asks for room first. */
    public void whenFull(Growth asked) {
        growth = asked;
    }

    /**
     * Another map takes this one's place, for everybody who has this object. While it is prepared, nobody writes here.
     *
     * @param prepared gives the map, which has what this one has and is wherever this one was
     */
    public void replace(Supplier<BpfMap> prepared) {
        place.writeLock().lock();
        try (BpfMap successor = prepared.get()) {
            if (LibC.INSTANCE.dup3(successor.fd, fd, CLOEXEC) < 0) {
                throw new BpfException("dup3", name, Kernel.errno());
            }
            synchronized (this) {
                id = successor.id;
                maxEntries = successor.maxEntries;
                footprint = null;
            }
        } finally {
            place.writeLock().unlock();
        }
    }

    private <T> T here(Supplier<T> operation) {
        place.readLock().lock();
        try {
            return operation.get();
        } finally {
            place.readLock().unlock();
        }
    }

    private void withRoom(Supplier<Integer> operation, String call) {
        while (true) {
            int entries = maxEntries;
            int result = here(operation);
            boolean full = result == -Errno.E2BIG.intValue() || result == -Errno.ENOSPC.intValue();
            Growth asked = growth;
            if (!full || asked == null || place.getReadHoldCount() > 0 || !asked.grow(this, entries)) {
                Kernel.check(result, call, name);
                return;
            }
        }
    }

    /**
     * A new map of the same kind and types without entries, which the caller closes.
     *
     * @throws BpfException when the kernel has no memory for it
     */
    public BpfMap emptyCopy(int entries) {
        ByteBuffer info = Kernel.info(fd, name);
        int btf = info.getInt(BTF_ID);
        int btfFd = btf == 0
                ? -1
                : Kernel.bpf(Kernel.BTF_GET_FD_BY_ID, Kernel.attributes().putInt(0, btf), "BPF_BTF_GET_FD_BY_ID", name);
        try {
            ByteBuffer wanted = Kernel.attributes()
                    .putInt(0, type)
                    .putInt(4, keySize)
                    .putInt(8, info.getInt(12))
                    .putInt(12, entries)
                    .putInt(16, info.getInt(20))
                    .put(28, info.array(), 24, NAME_BYTES);
            if (btfFd >= 0) {
                wanted.putInt(48, btfFd).putInt(52, info.getInt(BTF_ID + 4)).putInt(56, info.getInt(BTF_ID + 8));
            }
            return new BpfMap(name, Kernel.bpf(Kernel.MAP_CREATE, wanted, "BPF_MAP_CREATE", name), true);
        } finally {
            if (btfFd >= 0) {
                Kernel.close(btfFd);
            }
        }
    }

    /** How many entries there are, of a hash that allocates them as they come: the kernel says how much memory they take. */
    public synchronized int count() {
        Footprint known = footprint;
        if (known == null) {
            try (BpfMap twin = emptyCopy(maxEntries)) {
                long empty = twin.memory();
                twin.update(new byte[keySize], new byte[valueSize]);
                known = new Footprint(empty, twin.memory() - empty);
            }
            footprint = known;
        }
        return (int) ((memory() - known.empty()) / known.entry());
    }

    /** In bytes of the kernel. */
    public long memory() {
        Path info = Path.of("/proc/self/fdinfo", String.valueOf(fd));
        try (Stream<String> lines = Files.lines(info)) {
            return lines.filter(line -> line.startsWith(MEMORY))
                    .map(line -> Long.parseLong(line.substring(MEMORY.length()).strip()))
                    .findFirst()
                    .orElseThrow(() -> new IllegalStateException(info + " does not say how much memory the map takes"));
        } catch (IOException e) {
            throw new UncheckedIOException("read " + info, e);
        }
    }

    public Optional<byte[]> lookup(byte[] key) {
        byte[] value = new byte[valueSize];
        return found(
                here(() -> LibBpf.INSTANCE.bpf_map_lookup_elem(fd, key(key), value)), "bpf_map_lookup_elem", value);
    }

    /** Removes the key and gives its last value, as one step. Not every type of map can. */
    public Optional<byte[]> take(byte[] key) {
        byte[] value = new byte[valueSize];
        return found(
                here(() -> LibBpf.INSTANCE.bpf_map_lookup_and_delete_elem(fd, key(key), value)),
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
        withRoom(() -> LibBpf.INSTANCE.bpf_map_update_elem(fd, key(key), value, mode.flags), "bpf_map_update_elem");
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
            withRoom(
                    () -> {
                        int[] count = {batch.size()};
                        int result =
                                LibBpf.INSTANCE.bpf_map_update_batch(fd, keys.array(), values.array(), count, null);
                        return isUnsupported(result) ? updateOneByOne(batch) : result;
                    },
                    "bpf_map_update_batch");
        }
    }

    private int updateOneByOne(List<Entry> entries) {
        for (Entry entry : entries) {
            int result = LibBpf.INSTANCE.bpf_map_update_elem(fd, entry.key(), entry.value(), Mode.ANY.flags);
            if (result < 0) {
                return result;
            }
        }
        return 0;
    }

    /** Whether the key was there. */
    public boolean delete(byte[] key) {
        int result = here(() -> LibBpf.INSTANCE.bpf_map_delete_elem(fd, key(key)));
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
        place.readLock().lock();
        try {
            walk(consumer);
        } finally {
            place.readLock().unlock();
        }
    }

    private void walk(Consumer<List<Entry>> consumer) {
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

package io.pilus.libbpf;

import java.util.function.Consumer;
import jnr.constants.platform.Errno;
import jnr.ffi.Pointer;

/** Reads a ring buffer. For one thread. */
public final class RingBuffer implements AutoCloseable {

    private final Pointer ring;
    private final String name;

    /** Kept reachable here: native code holds its address. */
    private final LibBpf.RingBufferSample callback;

    /**
     * @param consumer gets a copy of each record, on the polling thread; must not throw
     */
    public RingBuffer(BpfMap map, Consumer<byte[]> consumer) {
        this.name = map.name();
        this.callback = (context, data, size) -> {
            byte[] record = new byte[(int) size];
            data.get(0, record, 0, record.length);
            consumer.accept(record);
            return 0;
        };
        Pointer created = LibBpf.INSTANCE.ring_buffer__new(map.descriptor(), callback, null, null);
        if (created == null) {
            throw new BpfException("ring_buffer__new", name, Kernel.errno());
        }
        this.ring = created;
    }

    /**
     * Consumes what is there, waiting for the first record at most so long.
     *
     * @return how many records there were
     */
    public int poll(int timeoutMs) {
        int records = LibBpf.INSTANCE.ring_buffer__poll(ring, timeoutMs);
        return records == -Errno.EINTR.intValue() ? 0 : Kernel.check(records, "ring_buffer__poll", name);
    }

    @Override
    public void close() {
        LibBpf.INSTANCE.ring_buffer__free(ring);
    }
}

package io.pilus.lab;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;

/** The wall clock of one process; what counts from boot goes on as it did. */
public final class Clock {

    private final Path library;
    private final Path offset;

    /**
     * @param library clock.c, compiled
     * @param offset the file that it reads
     */
    Clock(Path library, Path offset) {
        this.library = library;
        this.offset = offset;
        set(Duration.ZERO);
    }

    /** From now on the process sees a time that is so far ahead. */
    public void set(Duration ahead) {
        ByteBuffer nanos = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.nativeOrder());
        nanos.putLong(ahead.toNanos()).flip();
        try (FileChannel file = FileChannel.open(offset, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            file.write(nanos, 0);
        } catch (IOException e) {
            throw new LabException("could not set the clock " + offset, e);
        }
    }

    Map<String, String> environment() {
        return Map.of("LD_PRELOAD", library.toString(), "PILUS_CLOCK", offset.toString());
    }
}

package io.pilus.libbpf;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How many CPUs the kernel keeps per-CPU values for. */
final class Cpus {

    private static final int POSSIBLE = read();

    private Cpus() {}

    static int possible() {
        return POSSIBLE;
    }

    /** Lists look like {@code 0-3,8}. */
    private static int read() {
        try {
            int count = 0;
            for (String range : Files.readString(Path.of("/sys/devices/system/cpu/possible"))
                    .trim()
                    .split(",", -1)) {
                String[] ends = range.split("-", -1);
                count += ends.length == 1 ? 1 : Integer.parseInt(ends[1]) - Integer.parseInt(ends[0]) + 1;
            }
            return count;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package io.pilus.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Where the machine has its cgroup v2 hierarchy. */
final class Cgroups {

    /** Null where there is none. */
    static final @Nullable Path ROOT = find();

    private Cgroups() {}

    private static @Nullable Path find() {
        try {
            for (String mount : Files.readAllLines(Path.of("/proc/self/mounts"))) {
                String[] fields = mount.split(" ", -1);
                if (fields[2].equals("cgroup2")) {
                    return Path.of(fields[1]);
                }
            }
            return null;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

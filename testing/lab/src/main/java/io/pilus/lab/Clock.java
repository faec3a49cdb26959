package io.pilus.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;

/** The wall clock of one process, set by libfaketime; what counts from boot goes on as it did. */
public final class Clock {

    private static final Path LIBRARY = Path.of(
            "/usr/lib",
            System.getProperty("os.arch").equals("aarch64")
                    ? "aarch64-linux-gnu/faketime/libfaketimeMT.so.1"
                    : "x86_64-linux-gnu/faketime/libfaketimeMT.so.1");

    private final Path file;

    Clock(Path file) {
        if (!Files.exists(LIBRARY)) {
            throw new LabException("there is no " + LIBRARY + ": install libfaketime ('./pilus test' does)");
        }
        this.file = file;
        set(Duration.ZERO);
    }

    /** What the process sees is that far from what is true, within a second. */
    public void set(Duration ahead) {
        try {
            Path fresh = file.resolveSibling(file.getFileName() + ".new");
            Files.writeString(fresh, String.format(Locale.ROOT, "%+d%n", ahead.toSeconds()));
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new LabException("could not set the clock " + file, e);
        }
    }

    Map<String, String> environment() {
        return Map.of(
                "LD_PRELOAD", LIBRARY.toString(),
                "FAKETIME_TIMESTAMP_FILE", file.toString(),
                "FAKETIME_CACHE_DURATION", "1",
                "DONT_FAKE_MONOTONIC", "1",
                "FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}

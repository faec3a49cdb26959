package io.pilus.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A process that wrote itself down. Its number may have been given to another since; the start time tells.
 *
 * @param started in clock ticks since boot
 */
record RecordedProcess(String name, long pid, long started) {

    /** Empty while the process has not written its line yet. */
    static Optional<RecordedProcess> read(Path file) {
        try {
            return parse(file.getFileName().toString(), Files.readString(file));
        } catch (IOException _) {
            return Optional.empty();
        }
    }

    boolean isAlive() {
        try {
            String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
            return parse(name, stat).equals(Optional.of(this)) && state(stat) != 'Z';
        } catch (IOException _) {
            return false;
        }
    }

    /** Ends it and what it started, at once, and waits until it is gone. */
    void kill() {
        if (!isAlive()) {
            return;
        }
        ProcessHandle.of(pid).ifPresent(handle -> {
            handle.descendants().forEach(ProcessHandle::destroyForcibly);
            handle.destroyForcibly();
        });
        while (isAlive()) {
            Journal.pause();
        }
    }

    /** {@code pid (comm) state ppid ...}: the start time is the 22nd field; comm may hold anything, blanks and brackets too. */
    private static Optional<RecordedProcess> parse(String name, String stat) {
        int end = stat.lastIndexOf(')');
        String[] behind = end < 0 ? new String[0] : stat.substring(end + 2).split(" ", -1);
        return behind.length < 20
                ? Optional.empty()
                : Optional.of(new RecordedProcess(
                        name, Long.parseLong(stat.substring(0, stat.indexOf(' '))), Long.parseLong(behind[19])));
    }

    private static char state(String stat) {
        return stat.charAt(stat.lastIndexOf(')') + 2);
    }
}

package io.pilus.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a lab has made on this machine. Everything is written down before it is made, so that a later process can undo it
 * whatever became of this one.
 */
final class Journal {

    private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");
    private static final Duration CGROUP_EMPTY = Duration.ofSeconds(5);

    private final Path directory;
    private final Path file;
    private final Path boot;
    private boolean closed;

    Journal(Path directory) {
        this.directory = directory;
        this.file = directory.resolve("journal");
        this.boot = directory.resolve("boot");
    }

    /** Begins with an empty directory; call {@link #undo} first. */
    synchronized void begin() {
        closed = false;
        try {
            Files.createDirectories(processes());
            Files.copy(BOOT_ID, boot);
        } catch (IOException e) {
            throw new LabException("could not make the lab's directory " + directory, e);
        }
    }

    /** Where each process writes down itself, as its line of {@code /proc/PID/stat}. */
    Path processes() {
        return directory.resolve("processes");
    }

    /**
     * Writes down what comes next.
     *
     * @throws LabException when the lab is being removed meanwhile
     */
    synchronized void will(Kind kind, String name) {
        if (closed) {
            throw new LabException("the lab is being removed");
        }
        try {
            Files.writeString(file, kind + " " + name + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Ends the recorded processes, undoes the rest in reverse order and removes the directory. What is gone already is no error. */
    synchronized void undo() {
        closed = true;
        if (!Files.isDirectory(directory)) {
            return;
        }
        try {
            boolean sameBoot = Files.exists(boot) && Files.readString(boot).equals(Files.readString(BOOT_ID));
            if (sameBoot) {
                recordedProcesses().forEach(RecordedProcess::kill);
            }
            List<String> made = Files.exists(file) ? Files.readAllLines(file) : List.of();
            for (String line : made.reversed()) {
                String[] parts = line.split(" ", 2);
                undo(Kind.valueOf(parts[0]), parts[1]);
            }
            deleteTree(directory);
        } catch (IOException e) {
            throw new LabException("could not clean up " + directory, e);
        }
    }

    List<RecordedProcess> recordedProcesses() {
        if (!Files.isDirectory(processes())) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(processes())) {
            return files.flatMap(path -> RecordedProcess.read(path).stream()).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void undo(Kind kind, String name) throws IOException {
        switch (kind) {
            case NETNS -> {
                if (Files.exists(Path.of("/run/netns", name))) {
                    Tool.run("ip", "netns", "del", name);
                }
            }
            case LINK -> {
                if (Files.exists(Path.of("/sys/class/net", name))) {
                    Tool.run("ip", "link", "del", name);
                }
            }
            case MOUNT -> {
                while (Files.readString(Path.of("/proc/self/mounts")).contains(" " + name + " ")) {
                    Tool.run("umount", "-l", name);
                }
            }
            case CGROUP -> removeCgroup(Path.of(name));
        }
    }

    private static void removeCgroup(Path cgroup) {
        long deadline = System.nanoTime() + CGROUP_EMPTY.toNanos();
        while (Files.isDirectory(cgroup) && !cgroup.toFile().delete()) {
            if (System.nanoTime() > deadline) {
                throw new LabException(
                        "could not remove " + cgroup + ": a process that the lab did not start lives in it");
            }
            pause();
        }
    }

    static void pause() {
        try {
            Thread.sleep(10);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LabException("interrupted", e);
        }
    }

    private static void deleteTree(Path root) throws IOException {
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(root)) {
            paths = walk.toList();
        }
        for (Path path : paths.reversed()) {
            Files.deleteIfExists(path);
        }
    }

    /** What can be left on a machine besides files and processes. */
    enum Kind {
        NETNS,
        LINK,
        MOUNT,
        CGROUP
    }
}

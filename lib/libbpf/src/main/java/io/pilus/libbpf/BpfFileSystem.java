package io.pilus.libbpf;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The file system that holds pins. Every mount of it is an instance of its own, and names in it have no dots. */
public final class BpfFileSystem {

    private BpfFileSystem() {}

    /**
     * Makes sure that pins can be made in the directory: creates it, and mounts a new instance there unless it lies in one.
     *
     * @throws BpfException when it cannot be mounted
     */
    public static void ensure(Path directory) {
        try {
            Files.createDirectories(directory);
            if (!Files.getFileStore(directory).type().equals("bpf")
                    && LibC.INSTANCE.mount("bpf", directory.toString(), "bpf", 0, "mode=0700") < 0) {
                throw new BpfException("mount", "bpf at " + directory, Kernel.errno());
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the directory for BPF pins, " + directory + ", cannot be used", e);
        }
    }
}

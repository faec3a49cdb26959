package io.pilus.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A disk that can be filled up. */
public final class Disk {

    private final Path ballast;

    Disk(Path mountPoint) {
        this.ballast = mountPoint.resolve("ballast");
    }

    /** Leaves not a byte. */
    public void fill() {
        Tool.run(
                "sh",
                "-c",
                "dd if=/dev/zero of=" + ballast + " bs=64k 2>/dev/null; dd if=/dev/zero of=" + ballast
                        + " bs=1 oflag=append conv=notrunc 2>/dev/null; test $(stat -f -c %a " + ballast + ") = 0");
    }

    /** Gives the room back. */
    public void free() {
        try {
            Files.delete(ballast);
        } catch (IOException e) {
            throw new LabException("could not free " + ballast, e);
        }
    }
}

package io.pilus.bench;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The native programs of this jar, unpacked into a directory of their own while this is open. */
final class Tools implements AutoCloseable {

    private static final String[] NAMES = {
        "loadgen", "attach", "post", "reach", "converse", "flip", "reference", "reference.bpf.o"
    };

    private final Path directory;

    Tools() {
        try {
            directory = Files.createTempDirectory("pilus-bench-");
            for (String name : NAMES) {
                unpack(name);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot unpack the benchmark's programs", e);
        }
    }

    Path loadGenerator() {
        return directory.resolve("loadgen");
    }

    Path attach() {
        return directory.resolve("attach");
    }

    Path post() {
        return directory.resolve("post");
    }

    Path reach() {
        return directory.resolve("reach");
    }

    Path converse() {
        return directory.resolve("converse");
    }

    Path flip() {
        return directory.resolve("flip");
    }

    Path reference() {
        return directory.resolve("reference");
    }

    Path referenceObject() {
        return directory.resolve("reference.bpf.o");
    }

    private void unpack(String name) throws IOException {
        try (InputStream in = Tools.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("this jar was built without " + name);
            }
            Path target = directory.resolve(name);
            Files.copy(in, target);
            if (!target.toFile().setExecutable(true)) {
                throw new IOException("cannot make " + target + " executable");
            }
        }
    }

    @Override
    public void close() {
        try {
            for (String name : NAMES) {
                Files.deleteIfExists(directory.resolve(name));
            }
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

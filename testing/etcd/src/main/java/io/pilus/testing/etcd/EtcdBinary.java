package io.pilus.testing.etcd;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds etcd and its tools. */
public final class EtcdBinary {

    private EtcdBinary() {}

    /**
     * The etcd server: system property {@code pilus.etcd.binary}, environment variable {@code PILUS_ETCD}, or {@code etcd} in
     * the PATH.
     *
     * @throws IllegalStateException when there is none; says how to get one
     */
    public static Path etcd() {
        for (String named : named()) {
            Path binary = Path.of(named);
            if (Files.isExecutable(binary)) {
                return binary;
            }
            throw new IllegalStateException(
                    "'" + binary + "' (pilus.etcd.binary or PILUS_ETCD) is not an executable file");
        }
        Path found = inPath("etcd");
        if (found == null) {
            throw new IllegalStateException(
                    "no etcd found. './pilus test' builds one; or put etcd 3.6 into the PATH; or name it:"
                            + " PILUS_ETCD=/path/to/etcd or -Dpilus.etcd.binary=/path/to/etcd");
        }
        return found;
    }

    /** {@code etcdctl} or {@code etcdutl}: beside the server, or in the PATH. */
    public static Path tool(String name) {
        Path beside = etcd().resolveSibling(name);
        if (Files.isExecutable(beside)) {
            return beside;
        }
        Path found = inPath(name);
        if (found == null) {
            throw new IllegalStateException(
                    "no " + name + " beside " + etcd() + " nor in the PATH: './pilus test' builds it");
        }
        return found;
    }

    private static List<String> named() {
        List<String> named = new ArrayList<>();
        String property = System.getProperty("pilus.etcd.binary");
        String variable = System.getenv("PILUS_ETCD");
        if (property != null && !property.isBlank()) {
            named.add(property);
        }
        if (variable != null && !variable.isBlank()) {
            named.add(variable);
        }
        return named;
    }

    private static @Nullable Path inPath(String name) {
        String path = System.getenv("PATH");
        if (path == null) {
            return null;
        }
        for (String directory : path.split(File.pathSeparator, -1)) {
            Path candidate = Path.of(directory.isEmpty() ? "." : directory, name);
            if (Files.isExecutable(candidate) && Files.isRegularFile(candidate)) {
                return candidate.toAbsolutePath();
            }
        }
        return null;
    }
}

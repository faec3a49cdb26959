package io.pilus.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Network namespaces that go when this is closed, or else with the next run: their names say whose they are. */
final class ScratchNamespaces implements AutoCloseable {

    private static final String PREFIX = "pb-";

    /** Of this process, so that a test and a benchmark do not meet. */
    private static final String OWN = PREFIX + ProcessHandle.current().pid() + "-";

    private final List<String> names = new ArrayList<>();

    /** Removes what a run that was killed has left. */
    static void removeLeftovers() {
        for (String line : Commands.run("ip", "netns", "list").lines().toList()) {
            String name = line.split(" ", 2)[0];
            if (name.startsWith(PREFIX) && !isAlive(name.split("-", 3)[1])) {
                Commands.attempt("ip", "netns", "del", name);
            }
        }
    }

    /** The name of the namespace with this label. */
    static String name(String label) {
        return OWN + label;
    }

    /** A namespace with nothing in it but its loopback device; returns its file. */
    Path add(String label) {
        String name = name(label);
        Commands.run("ip", "netns", "add", name);
        names.add(name);
        Commands.ip(name, "link set lo up");
        return ReferencePaths.NAMESPACES.resolve(name);
    }

    @Override
    public void close() {
        names.forEach(name -> Commands.attempt("ip", "netns", "del", name));
    }

    private static boolean isAlive(String process) {
        return ProcessHandle.of(Long.parseLong(process)).isPresent();
    }
}

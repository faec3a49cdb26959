package io.pilus.node;

import io.pilus.libbpf.BpfFileSystem;
import io.pilus.netlink.ExclusiveLock;
import io.quarkus.arc.profile.UnlessBuildProfile;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * This process is the only agent of its node, before it touches anything and until it ends: two would undo each other's work. What
 * makes the node is its network namespace; but neither may two agents share state or pins.
 */
final class SoleAgent implements AutoCloseable {

    private static final Path NETWORK = Path.of("/proc/thread-self/ns/net");

    private final List<ExclusiveLock> locks = new ArrayList<>();

    private SoleAgent() {}

    /** Not in tests of a whole agent, of which several run in one namespace. */
    @Singleton
    @UnlessBuildProfile("test")
    static class AtStart {

        private final NodeConfig config;

        AtStart(NodeConfig config) {
            this.config = config;
        }

        /** Before the first bean that opens a file. */
        void start(@Observes @Priority(0) StartupEvent event) {
            become(config);
        }
    }

    /** @throws IllegalStateException naming the other one */
    static SoleAgent become(NodeConfig config) {
        var sole = new SoleAgent();
        try {
            sole.take(
                    NETWORK,
                    "the network namespace of this node",
                    "a node has one agent; end that process, or start this one elsewhere");
            create(config.stateDir());
            sole.take(
                    config.stateDir(),
                    "the state directory " + config.stateDir(),
                    "each node needs one of its own; set pilus.node.state-dir");
            BpfFileSystem.ensure(config.bpffs());
            sole.take(
                    config.bpffs(),
                    "the directory for BPF pins, " + config.bpffs(),
                    "each node needs one of its own; set pilus.node.bpffs");
            return sole;
        } catch (RuntimeException e) {
            sole.close();
            throw e;
        }
    }

    private void take(Path path, String what, String remedy) {
        ExclusiveLock lock = ExclusiveLock.take(path).orElseThrow(() -> {
            var holder = ExclusiveLock.holder(path);
            return new IllegalStateException("another agent, %s, has %s: %s"
                    .formatted(
                            holder.isPresent() ? "process " + holder.getAsLong() : "in a container of its own",
                            what,
                            remedy));
        });
        locks.add(lock);
    }

    private static void create(Path directory) {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("the state directory " + directory + " cannot be made", e);
        }
    }

    @Override
    public void close() {
        locks.forEach(ExclusiveLock::close);
    }
}

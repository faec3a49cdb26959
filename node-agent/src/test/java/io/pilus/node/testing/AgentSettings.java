package io.pilus.node.testing;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Settings of an agent that is tested as a whole: REST on a port, a state directory of its own, little patience. */
public class AgentSettings implements QuarkusTestResourceLifecycleManager {

    private @Nullable Path state;

    @Override
    public Map<String, String> start() {
        try {
            state = Files.createTempDirectory("pilus-agent");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Map.of(
                "quarkus.http.host-enabled", "true",
                "quarkus.http.domain-socket-enabled", "false",
                "quarkus.http.test-port", "0",
                "quarkus.management.test-port", "0",
                "pilus.node.name", "node-1",
                "pilus.node.state-dir", state.toString(),
                "pilus.node.attach-deadline", "PT2S");
    }

    @Override
    public void stop() {
        if (state == null) {
            return;
        }
        try (Stream<Path> files = Files.walk(state)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

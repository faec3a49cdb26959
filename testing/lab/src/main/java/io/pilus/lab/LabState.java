package io.pilus.lab;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Where everything of a running lab is, as its file {@code lab.json} says.
 *
 * @param name also the prefix of its namespaces
 * @param routing {@code vxlan} or {@code native}
 */
public record LabState(
        String name,
        String routing,
        URI etcd,
        URI identity,
        URI policy,
        URI ipam,
        List<NodeState> nodes,
        List<PodState> pods) {

    /** The directory below which each lab has its own: {@code /run/pilus-lab}, or what PILUS_LABS names. */
    public static final Path LABS =
            Path.of(Optional.ofNullable(System.getenv("PILUS_LABS")).orElse("/run/pilus-lab"));

    private static final ObjectMapper JSON = new ObjectMapper();

    /** The labs that run now, by name. */
    public static List<LabState> all() {
        if (!Files.isDirectory(LABS)) {
            return List.of();
        }
        List<LabState> found = new ArrayList<>();
        try (Stream<Path> directories = Files.list(LABS)) {
            for (Path directory : directories.sorted().toList()) {
                read(directory).ifPresent(found::add);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return found;
    }

    /** Empty when there is no such lab, or it was never ready. */
    public static Optional<LabState> read(Path directory) {
        Path file = directory.resolve("lab.json");
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            return Optional.of(JSON.readValue(Files.readString(file), LabState.class));
        } catch (IOException e) {
            throw new LabException(file + " is not readable; './pilus down' removes it", e);
        }
    }

    /** Where the service's REST is. */
    public URI uri(Service service) {
        return switch (service) {
            case IDENTITY -> identity;
            case POLICY -> policy;
            case IPAM -> ipam;
        };
    }

    void write(Path directory) {
        try {
            Path next = directory.resolve("lab.json.new");
            Files.writeString(next, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(this));
            Files.move(next, directory.resolve("lab.json"), StandardCopyOption.ATOMIC_MOVE);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        } catch (IOException e) {
            throw new LabException("could not write lab.json in " + directory, e);
        }
    }

    /**
     * A node.
     *
     * @param socket where its agent's REST is
     * @param management where its agent's health and metrics are
     */
    public record NodeState(String name, String netns, List<String> addresses, String socket, URI management) {}

    /**
     * A pod.
     *
     * @param prober the unix socket of the process inside that makes connections
     */
    public record PodState(
            String namespace,
            String name,
            String node,
            String netns,
            int identity,
            List<String> addresses,
            String prober) {}
}

package io.pilus.node.endpoint;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jboss.logging.Logger;

/** Endpoints on disk, a file a container, so that a restarted agent knows what it attached. */
final class EndpointFiles {

    private static final Logger LOG = Logger.getLogger(EndpointFiles.class);

    /** What a newer agent wrote besides is none of ours. */
    private static final ObjectMapper JSON =
            new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);

    /** No container's id begins like this. */
    private static final String UNFINISHED = ".";

    private final Path directory;

    private record Stored(
            String uid,
            String namespace,
            String name,
            String containerId,
            String netns,
            String interfaceName,
            String hostInterface,
            int ifindex,
            int number,
            List<String> addresses,
            String pool,
            int identity,
            int slot,
            int mtu) {}

    EndpointFiles(Path directory) {
        this.directory = directory;
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("the agent cannot keep its endpoints in " + directory, e);
        }
    }

    /** What is on disk. A file that is not readable is named in the log: its container counts as not attached. */
    List<Attachment> load() {
        List<Attachment> all = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.sorted().toList()) {
                if (String.valueOf(file.getFileName()).startsWith(UNFINISHED)) {
                    Files.delete(file);
                } else {
                    try {
                        all.add(attachment(JSON.readValue(file.toFile(), Stored.class)));
                    } catch (IOException | IllegalArgumentException e) {
                        LOG.errorf("endpoint file %s is not readable and left out: %s", file, e.getMessage());
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the endpoints in " + directory + " cannot be read", e);
        }
        return all;
    }

    /** On disk for certain when this returns. */
    void write(Attachment attachment) {
        Path file = file(attachment.containerId());
        Path fresh = file.resolveSibling(UNFINISHED + file.getFileName());
        try {
            try (FileChannel out = FileChannel.open(fresh, CREATE, WRITE, TRUNCATE_EXISTING)) {
                ByteBuffer bytes = ByteBuffer.wrap(JSON.writeValueAsBytes(stored(attachment)));
                while (bytes.hasRemaining()) {
                    out.write(bytes);
                }
                out.force(true);
            }
            Files.move(fresh, file, ATOMIC_MOVE, REPLACE_EXISTING);
            sync();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        } catch (IOException e) {
            throw new UncheckedIOException("endpoint " + attachment.containerId() + " cannot be written to " + file, e);
        }
    }

    void delete(String containerId) {
        try {
            Files.deleteIfExists(file(containerId));
            sync();
        } catch (IOException e) {
            throw new UncheckedIOException("endpoint " + containerId + " cannot be removed from " + directory, e);
        }
    }

    private void sync() throws IOException {
        try (FileChannel channel = FileChannel.open(directory, READ)) {
            channel.force(true);
        }
    }

    private Path file(String containerId) {
        return directory.resolve(containerId);
    }

    private static Stored stored(Attachment a) {
        return new Stored(
                a.uid(),
                a.namespace(),
                a.name(),
                a.containerId(),
                a.netns(),
                a.interfaceName(),
                a.hostInterface(),
                a.ifindex(),
                a.number(),
                a.addresses().stream().map(Prefixes::format).toList(),
                a.pool(),
                a.identity(),
                a.slot(),
                a.mtu());
    }

    private static Attachment attachment(Stored s) {
        List<ByteString> addresses =
                s.addresses().stream().map(Prefixes::parseAddress).toList();
        return new Attachment(
                s.uid(),
                s.namespace(),
                s.name(),
                s.containerId(),
                s.netns(),
                s.interfaceName(),
                s.hostInterface(),
                s.ifindex(),
                s.number(),
                addresses,
                s.pool(),
                s.identity(),
                s.slot(),
                s.mtu());
    }
}

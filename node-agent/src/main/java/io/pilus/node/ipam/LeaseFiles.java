package io.pilus.node.ipam;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Prefix;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * Leases on disk: one file a lease, whose name says the addresses, so that they stay taken even when what is in the file gets lost; and
 * one file for the node's blocks. A file is replaced whole: written beside, forced to disk, renamed, the rename forced to disk.
 */
final class LeaseFiles {

    private static final String BLOCKS = "blocks";
    private static final String TEMPORARY = ".tmp";
    private static final String SEPARATOR = "+";
    private static final int VERSION = 1;

    /**
     * A lease as it was found.
     *
     * @param lease null when the file is not readable: the addresses are somebody's, but whose is not known
     * @param releasedAt null while the lease is held
     */
    record Stored(
            List<ByteString> addresses,
            @Nullable Lease lease,
            @Nullable Instant releasedAt) {}

    /** The node's blocks as of a revision. */
    record StoredBlocks(long revision, List<StoredBlock> blocks) {}

    /**
     * One of them.
     *
     * @param offered whether it is, or may be, offered back
     */
    record StoredBlock(String pool, Prefix block, boolean offered) {}

    /** A file is not what was written. */
    static final class DamagedException extends Exception {
        DamagedException(String message) {
            super(message);
        }
    }

    private final Path directory;

    /** Opens the directory, makes it when it is missing, and removes what an interrupted write left behind. */
    LeaseFiles(Path directory) throws IOException {
        this.directory = Files.createDirectories(directory);
        for (Path file : files()) {
            if (name(file).endsWith(TEMPORARY)) {
                Files.delete(file);
            }
        }
    }

    List<Stored> leases() throws IOException {
        List<Stored> all = new ArrayList<>();
        for (Path file : files()) {
            if (!name(file).equals(BLOCKS)) {
                all.add(read(file));
            }
        }
        return all;
    }

    void write(Lease lease, @Nullable Instant releasedAt) throws IOException {
        Map<String, String> lines = new LinkedHashMap<>();
        lines.put("container", lease.holder().containerId());
        lines.put("interface", lease.holder().interfaceName());
        lines.put("pool", lease.pool());
        lines.put("since", Long.toString(lease.since().toEpochMilli()));
        if (releasedAt != null) {
            lines.put("released", Long.toString(releasedAt.toEpochMilli()));
        }
        replace(
                fileName(lease.addresses()),
                lines.entrySet().stream()
                        .map(line -> line.getKey() + " " + line.getValue())
                        .toList());
    }

    /** Not forced to disk: should the file come back after a power failure, the addresses only rest a little longer. */
    void delete(List<ByteString> addresses) throws IOException {
        Files.deleteIfExists(directory.resolve(fileName(addresses)));
    }

    /**
     * @return empty when none were written yet
     * @throws DamagedException when they were, and are lost
     */
    Optional<StoredBlocks> blocks() throws IOException, DamagedException {
        List<String> lines;
        try {
            lines = lines(directory.resolve(BLOCKS));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
        try {
            long revision = Long.parseLong(value(lines.getFirst(), "revision"));
            List<StoredBlock> blocks = new ArrayList<>();
            for (String line : lines.subList(1, lines.size())) {
                String[] parts = value(line, "block").split(" ", -1);
                blocks.add(new StoredBlock(parts[0], Prefixes.parse(parts[1]), parts[2].equals("offered")));
            }
            return Optional.of(new StoredBlocks(revision, blocks));
        } catch (RuntimeException e) {
            throw new DamagedException(directory.resolve(BLOCKS) + ": " + e.getMessage());
        }
    }

    void write(StoredBlocks blocks) throws IOException {
        List<String> lines = new ArrayList<>();
        lines.add("revision " + blocks.revision());
        for (StoredBlock block : blocks.blocks()) {
            lines.add("block " + block.pool() + " " + Prefixes.format(block.block()) + " "
                    + (block.offered() ? "offered" : "kept"));
        }
        replace(BLOCKS, lines);
    }

    private Stored read(Path file) throws IOException {
        List<ByteString> addresses;
        try {
            addresses = Arrays.stream(name(file).split("\\" + SEPARATOR, -1))
                    .map(Prefixes::parseAddress)
                    .toList();
        } catch (IllegalArgumentException e) {
            throw new IOException(file + " is no lease; take it out of this directory, which is the agent's own", e);
        }
        try {
            Map<String, String> values = lines(file).stream()
                    .map(line -> line.split(" ", 2))
                    .collect(Collectors.toMap(parts -> parts[0], parts -> parts[1]));
            String released = values.get("released");
            var lease = new Lease(
                    new Holder(required(values, "container"), required(values, "interface")),
                    required(values, "pool"),
                    addresses,
                    Instant.ofEpochMilli(Long.parseLong(required(values, "since"))));
            return new Stored(
                    addresses, lease, released == null ? null : Instant.ofEpochMilli(Long.parseLong(released)));
        } catch (DamagedException | RuntimeException e) {
            return new Stored(addresses, null, null);
        }
    }

    private static String required(Map<String, String> values, String name) throws DamagedException {
        String value = values.get(name);
        if (value == null) {
            throw new DamagedException("there is no '" + name + "'");
        }
        return value;
    }

    private static String value(String line, String name) {
        if (!line.startsWith(name + " ")) {
            throw new IllegalArgumentException("'" + line + "' should begin with '" + name + "'");
        }
        return line.substring(name.length() + 1);
    }

    /** The lines between version and check sum. */
    private static List<String> lines(Path file) throws IOException, DamagedException {
        byte[] bytes = Files.readAllBytes(file);
        String text = new String(bytes, UTF_8);
        int end = text.lastIndexOf("check ");
        if (end < 0 || !text.substring(end).equals(check(text.substring(0, end)))) {
            throw new DamagedException(file + " is damaged: its check sum is wrong");
        }
        List<String> lines = text.substring(0, end).lines().toList();
        if (!lines.getFirst().equals("version " + VERSION)) {
            throw new DamagedException(file + " has another version: " + lines.getFirst());
        }
        return lines.subList(1, lines.size());
    }

    private static String check(String text) {
        var sum = new CRC32();
        sum.update(text.getBytes(UTF_8));
        return "check " + HexFormat.of().toHexDigits((int) sum.getValue()) + "\n";
    }

    private void replace(String name, List<String> lines) throws IOException {
        String text = "version " + VERSION + "\n" + String.join("\n", lines) + "\n";
        Path temporary = directory.resolve(name + TEMPORARY);
        try (FileChannel channel = FileChannel.open(
                temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap((text + check(text)).getBytes(UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Files.move(
                temporary,
                directory.resolve(name),
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private Collection<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.sorted().toList();
        }
    }

    private static String name(Path file) {
        return String.valueOf(file.getFileName());
    }

    private static String fileName(List<ByteString> addresses) {
        return addresses.stream().map(Prefixes::format).collect(Collectors.joining(SEPARATOR));
    }
}

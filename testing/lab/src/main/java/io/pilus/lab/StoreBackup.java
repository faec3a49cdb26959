package io.pilus.lab;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.InvalidProtocolBufferException;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Epoch;
import io.pilus.testing.etcd.EtcdBinary;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Backups of Pilus' store. One that is put back gets a revision above all that anybody has seen, a new id of etcd's own, and a count
 * in the key {@code epoch}: it is then a store that agents and services do not take for the one that they knew.
 */
public final class StoreBackup {

    /** More than a store writes between a backup and the accident. */
    public static final long BUMP = 1_000_000_000L;

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final DateTimeFormatter STAMP =
            DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss").withZone(ZoneOffset.UTC);
    private static final long START_NANOS = 60_000_000_000L;

    private StoreBackup() {}

    /** What a backup holds. */
    public record Summary(String clusterId, long restores, long revision, long keys, long bytes) {}

    /**
     * The member of etcd whose data is replaced.
     *
     * @param initialCluster as etcd's option of that name
     */
    public record Member(Path data, String name, String peerUrl, String initialCluster) {

        /** The only one of its cluster. */
        public static Member alone(Path data, String name, String peerUrl) {
            return new Member(data, name, peerUrl, name + "=" + peerUrl);
        }
    }

    /**
     * What is in force after a restore.
     *
     * @param aside where the data lies that was there before; empty when there was none
     */
    public record Restored(String clusterId, long restores, long revision, Optional<Path> aside) {}

    /**
     * Writes a backup of a running store. The file appears when it is whole and checked.
     *
     * @throws LabException when the store does not answer or is not Pilus', or the file cannot be written
     */
    public static Summary save(String endpoints, Path file) {
        if (Files.exists(file)) {
            throw new LabException(file + " exists already; name a file that does not, or remove it");
        }
        Path directory = Optional.ofNullable(file.toAbsolutePath().getParent()).orElseThrow();
        if (!Files.isDirectory(directory)) {
            throw new LabException("there is no directory " + directory + "; make it first");
        }
        Epoch epoch = epoch(endpoints)
                .orElseThrow(() -> new LabException("the etcd at " + endpoints + " has no key " + Keys.EPOCH
                        + ": it is not a store of Pilus, or has lost its id"));
        Path part = directory.resolve("." + file.getFileName() + "." + UUID.randomUUID());
        try {
            run(etcdctl(endpoints, "snapshot", "save", part.toString()));
            JsonNode status = status(part);
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
            return new Summary(
                    epoch.getClusterId(),
                    epoch.getRestores(),
                    status.path("revision").asLong(),
                    status.path("totalKey").asLong(),
                    Files.size(file));
        } catch (IOException e) {
            throw new LabException("could not write " + file + ": " + e.getMessage(), e);
        } finally {
            delete(part);
            delete(Path.of(part + ".part"));
        }
    }

    /**
     * Looks whether the file can be a backup.
     *
     * @throws LabException when it is none, or is damaged
     */
    static void check(Path backup) {
        if (!Files.isReadable(backup)) {
            throw new LabException("there is no file " + backup + " to read; 'pilus backup' makes one");
        }
        status(backup);
    }

    /**
     * Makes of a backup one that can be put back on every member of an etcd cluster by {@code etcdutl snapshot restore}: its revision is
     * raised and the restore counted.
     *
     * @param known the highest count of restores that is known to be in force
     */
    public static Restored prepare(Path backup, Path prepared, long known, long bump) {
        check(backup);
        Path work = temporary();
        try {
            Path data = work.resolve("data");
            restore(
                    backup,
                    Member.alone(data, "prepare", "http://127.0.0.1:2380"),
                    List.of("--bump-revision=" + bump, "--mark-compacted"));
            try (var etcd = new PrivateEtcd(data, "prepare")) {
                Epoch epoch = epoch(etcd.endpoint)
                        .orElseThrow(() -> new LabException(
                                backup + " has no key " + Keys.EPOCH + ": it is not a backup of a store of Pilus"));
                Epoch counted = epoch.toBuilder()
                        .setRestores(Math.max(epoch.getRestores(), known) + 1)
                        .build();
                run(etcdctl(etcd.endpoint, "put", Keys.EPOCH.path()), counted.toByteArray());
                run(etcdctl(etcd.endpoint, "snapshot", "save", prepared.toString()));
                return new Restored(
                        counted.getClusterId(),
                        counted.getRestores(),
                        status(prepared).path("revision").asLong(),
                        Optional.empty());
            }
        } finally {
            delete(work);
        }
    }

    /**
     * Puts a backup in the place of a stopped member's data, which is set aside.
     *
     * @throws LabException when the member still runs, or the backup is none; nothing is changed then
     */
    public static Restored replace(Path backup, Member member, long bump) {
        Path data = member.data().toAbsolutePath();
        Path database = data.resolve("member/snap/db");
        requireStopped(database);
        if (Files.exists(data) && !Files.exists(database) && !isEmpty(data)) {
            throw new LabException(data + " is not empty, and no data directory of etcd; name the right one");
        }
        Path parent = Optional.ofNullable(data.getParent()).orElseThrow();
        if (!Files.isDirectory(parent)) {
            throw new LabException("there is no directory " + parent + "; make it first");
        }
        Path work = temporary();
        Path next = parent.resolve(data.getFileName() + ".restoring-" + UUID.randomUUID());
        try {
            long known = Files.exists(database) ? restoresOf(database) : 0;
            Path prepared = work.resolve("prepared");
            Restored restored = prepare(backup, prepared, known, bump);
            restore(
                    prepared,
                    new Member(next, member.name(), member.peerUrl(), member.initialCluster()),
                    List.of("--initial-cluster-token=pilus-" + UUID.randomUUID()));
            Optional<Path> aside = Optional.empty();
            if (Files.exists(data)) {
                Path old = parent.resolve(data.getFileName() + ".before-restore-" + STAMP.format(Instant.now()));
                Files.move(data, old);
                aside = Optional.of(old);
            }
            Files.move(next, data);
            return new Restored(restored.clusterId(), restored.restores(), restored.revision(), aside);
        } catch (IOException e) {
            throw new LabException("could not replace " + data + ": " + e.getMessage(), e);
        } finally {
            delete(next);
            delete(work);
        }
    }

    /** Of the data that is about to be replaced: a restore must not be given a count that was in force before. */
    private static long restoresOf(Path database) {
        Path work = temporary();
        try {
            Path data = work.resolve("data");
            restore(database, Member.alone(data, "look", "http://127.0.0.1:2380"), List.of("--skip-hash-check"));
            try (var etcd = new PrivateEtcd(data, "look")) {
                return epoch(etcd.endpoint).map(Epoch::getRestores).orElse(0L);
            }
        } finally {
            delete(work);
        }
    }

    private static void requireStopped(Path database) {
        if (Files.exists(database)
                && call(List.of("flock", "--nonblock", database.toString(), "true"))
                                .status()
                        != 0) {
            throw new LabException("an etcd still runs on " + database + "; stop it first, and all services of Pilus");
        }
    }

    private static void restore(Path snapshot, Member member, List<String> further) {
        List<String> command = new ArrayList<>(List.of(
                EtcdBinary.tool("etcdutl").toString(),
                "snapshot",
                "restore",
                snapshot.toString(),
                "--data-dir=" + member.data(),
                "--name=" + member.name(),
                "--initial-advertise-peer-urls=" + member.peerUrl(),
                "--initial-cluster=" + member.initialCluster()));
        command.addAll(further);
        run(command);
    }

    private static JsonNode status(Path snapshot) {
        Result result = call(List.of(
                EtcdBinary.tool("etcdutl").toString(), "snapshot", "status", snapshot.toString(), "--write-out=json"));
        if (result.status() != 0) {
            throw new LabException(snapshot + " is not a snapshot of etcd, or is damaged: " + result.error());
        }
        return json(result.output());
    }

    private static Optional<Epoch> epoch(String endpoints) {
        for (JsonNode found : json(run(etcdctl(endpoints, "get", Keys.EPOCH.path(), "--write-out=json")))
                .path("kvs")) {
            try {
                return Optional.of(Epoch.parseFrom(
                        Base64.getDecoder().decode(found.path("value").asText())));
            } catch (InvalidProtocolBufferException e) {
                throw new LabException("the value of " + Keys.EPOCH + " is not readable", e);
            }
        }
        return Optional.empty();
    }

    static List<String> etcdctl(String endpoints, String... arguments) {
        List<String> command =
                new ArrayList<>(List.of(EtcdBinary.tool("etcdctl").toString(), "--endpoints=" + endpoints));
        command.addAll(List.of(arguments));
        return command;
    }

    private static JsonNode json(String text) {
        try {
            return JSON.readTree(text);
        } catch (JsonProcessingException e) {
            throw new LabException("etcd's tool answered '" + text.strip() + "'", e);
        }
    }

    private static String run(List<String> command) {
        return run(command, new byte[0]);
    }

    private static String run(List<String> command, byte[] input) {
        Result result = call(command, input);
        if (result.status() != 0) {
            throw new LabException(
                    "'" + String.join(" ", command) + "' ended with " + result.status() + ": " + result.error());
        }
        return result.output();
    }

    private static Result call(List<String> command) {
        return call(command, new byte[0]);
    }

    private static Result call(List<String> command, byte[] input) {
        try {
            Path errors = Files.createTempFile("pilus", ".err");
            try {
                Process process = new ProcessBuilder(command)
                        .redirectError(errors.toFile())
                        .start();
                try (OutputStream to = process.getOutputStream()) {
                    to.write(input);
                }
                String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                int status = process.waitFor();
                List<String> lines = Files.readAllLines(errors);
                return new Result(status, output, lines.isEmpty() ? "" : lines.getLast());
            } finally {
                Files.delete(errors);
            }
        } catch (IOException e) {
            throw new LabException("could not run '" + command.getFirst() + "'; is it installed?", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LabException("interrupted while running " + command.getFirst(), e);
        }
    }

    private record Result(int status, String output, String error) {}

    private static Path temporary() {
        try {
            return Files.createTempDirectory("pilus-restore-");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isEmpty(Path directory) {
        try (Stream<Path> content = Files.list(directory)) {
            return content.findAny().isEmpty();
        } catch (IOException e) {
            throw new LabException(directory + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static void delete(Path root) {
        if (!Files.exists(root)) {
            return;
        }
        try (Stream<Path> walk = Files.walk(root)) {
            for (Path path : walk.toList().reversed()) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new LabException("could not remove " + root, e);
        }
    }

    /** An etcd that nobody else knows of. */
    private static final class PrivateEtcd implements AutoCloseable {

        private final Process process;
        private final String endpoint;

        PrivateEtcd(Path data, String name) {
            endpoint = "http://127.0.0.1:" + freePort();
            Path log = Path.of(data + ".log");
            try {
                process = new ProcessBuilder(
                                EtcdBinary.etcd().toString(),
                                "--name=" + name,
                                "--data-dir=" + data,
                                "--listen-client-urls=" + endpoint,
                                "--advertise-client-urls=" + endpoint,
                                "--listen-peer-urls=http://127.0.0.1:" + freePort(),
                                "--log-level=error")
                        .redirectErrorStream(true)
                        .redirectOutput(log.toFile())
                        .start();
            } catch (IOException e) {
                throw new LabException("could not start etcd", e);
            }
            awaitServing(log);
        }

        private void awaitServing(Path log) {
            long deadline = System.nanoTime() + START_NANOS;
            while (call(etcdctl(endpoint, "endpoint", "health")).status() != 0) {
                if (!process.isAlive() || System.nanoTime() - deadline > 0) {
                    close();
                    try {
                        throw new LabException("etcd does not start on the restored data: " + Files.readString(log));
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }
                Journal.pause();
            }
        }

        @Override
        public void close() {
            process.destroy();
            try {
                if (!process.waitFor(30, TimeUnit.SECONDS)) {
                    process.destroyForcibly().waitFor();
                }
            } catch (InterruptedException e) {
                process.destroyForcibly();
                Thread.currentThread().interrupt();
            }
        }

        private static int freePort() {
            try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                return socket.getLocalPort();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}

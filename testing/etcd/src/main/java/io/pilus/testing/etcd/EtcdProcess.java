package io.pilus.testing.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An etcd cluster of one or more processes on this machine, on ports of its own that it keeps over restarts. Members count from 0.
 * Ends with {@link #close} or with the JVM.
 */
public final class EtcdProcess implements AutoCloseable {

    private static final Duration START = Duration.ofSeconds(30);

    /** Below the range from which the kernel takes ports for outgoing connections, lest one of them sits on a stopped member's port. */
    private static final int FIRST_PORT = 20_000;

    private static final int LAST_PORT = 32_000;

    /** Ports that this JVM has taken: none is taken twice. */
    private static final Set<Integer> TAKEN = ConcurrentHashMap.newKeySet();

    private static final int ATTEMPTS = 5;

    private static final Pattern REVISION = Pattern.compile("\"revision\":\"(\\d+)\"");

    private final Options options;
    private final Path directory;
    private final boolean temporary;
    private final List<Member> members;
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(2))
            .build();
    private final Thread hook;

    /**
     * What to start.
     *
     * @param members how many processes
     * @param address the address that they listen on
     * @param directory where the data lies and stays; null for a temporary directory that goes with the cluster
     * @param durable whether etcd waits for the disk; without, it is faster and survives kill -9 but not a power cut
     * @param arguments further arguments of every member
     */
    public record Options(
            int members, String address, @Nullable Path directory, boolean durable, List<String> arguments) {

        public static final Options DEFAULT = new Options(1, "127.0.0.1", null, false, List.of());

        public Options {
            arguments = List.copyOf(arguments);
        }

        public Options withMembers(int count) {
            return new Options(count, address, directory, durable, arguments);
        }

        public Options withAddress(String listen) {
            return new Options(members, listen, directory, durable, arguments);
        }

        public Options withDirectory(Path data) {
            return new Options(members, address, data, durable, arguments);
        }

        public Options withDurable() {
            return new Options(members, address, directory, true, arguments);
        }

        public Options withArguments(String... further) {
            return new Options(
                    members,
                    address,
                    directory,
                    durable,
                    Stream.concat(arguments.stream(), Arrays.stream(further)).toList());
        }
    }

    private static final class Member {
        final String name;
        final String clientUrl;
        final String peerUrl;
        final Path data;
        final Path log;

        @Nullable
        Process process;

        Member(int index, String address, Path directory) {
            name = "m" + index;
            clientUrl = "http://" + address + ":" + freePort(address);
            peerUrl = "http://" + address + ":" + freePort(address);
            data = directory.resolve(name);
            log = directory.resolve(name + ".log");
        }
    }

    private EtcdProcess(Options options) throws IOException {
        this.options = options;
        temporary = options.directory() == null;
        directory = options.directory() == null
                ? Files.createTempDirectory("pilus-etcd-")
                : Files.createDirectories(options.directory());
        members = IntStream.range(0, options.members())
                .mapToObj(index -> new Member(index, options.address(), directory))
                .toList();
        hook = new Thread(this::destroy, "etcd-shutdown");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Starts one member and waits until it serves. */
    public static EtcdProcess start() {
        return start(Options.DEFAULT);
    }

    /**
     * Starts all members and waits until they serve.
     *
     * @throws IllegalStateException when there is no etcd, or when it does not come up; says what it logged last
     */
    public static EtcdProcess start(Options options) {
        for (int attempt = 1; ; attempt++) {
            EtcdProcess etcd;
            try {
                etcd = new EtcdProcess(options);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            try {
                etcd.restart();
                return etcd;
            } catch (RuntimeException e) {
                etcd.close();
                // between looking for a free port and listening on it, somebody else may take it
                if (attempt == ATTEMPTS || !String.valueOf(e.getMessage()).contains("address already in use")) {
                    throw e;
                }
            }
        }
    }

    /** The client URL of the first member. */
    public String endpoint() {
        return endpoint(0);
    }

    public String endpoint(int member) {
        return members.get(member).clientUrl;
    }

    /** The client URLs of all members. */
    public List<String> endpoints() {
        return members.stream().map(member -> member.clientUrl).toList();
    }

    public Path dataDirectory(int member) {
        return members.get(member).data;
    }

    /** Starts the members that do not run, on their old ports and data, and waits until they serve. */
    public void restart() {
        List<Member> started = members.stream().filter(member -> !runs(member)).toList();
        started.forEach(this::launch);
        started.forEach(this::awaitReady);
    }

    /** Starts one member; waits until its process is up, but not for a leader. */
    public void launch(int member) {
        launch(members.get(member));
    }

    /** Ends all members in good order. */
    public void stop() {
        members.forEach(member -> end(member, false));
    }

    public void stop(int member) {
        end(members.get(member), false);
    }

    /** Ends all members with SIGKILL. */
    public void kill() {
        members.forEach(member -> end(member, true));
    }

    public void kill(int member) {
        end(members.get(member), true);
    }

    /** Freezes all members: connections stay open, nothing answers. */
    public void freeze() {
        members.forEach(member -> signal(member, "STOP"));
    }

    public void freeze(int member) {
        signal(members.get(member), "STOP");
    }

    /** Undoes {@link #freeze}. */
    public void thaw() {
        members.forEach(member -> signal(member, "CONT"));
    }

    public void thaw(int member) {
        signal(members.get(member), "CONT");
    }

    /** The store's revision now. */
    public long revision() {
        Matcher found = REVISION.matcher(call("kv/range", "{\"key\":\"AA==\",\"limit\":\"1\",\"keys_only\":true}"));
        if (!found.find()) {
            throw new IllegalStateException("etcd's answer has no revision");
        }
        return Long.parseLong(found.group(1));
    }

    /** Forgets all history before the current revision. */
    public void compact() {
        call("kv/compaction", "{\"revision\":\"" + revision() + "\",\"physical\":true}");
    }

    /** Deletes every key. */
    public void clear() {
        call("kv/deleterange", "{\"key\":\"AA==\",\"range_end\":\"AA==\"}");
    }

    /** Writes a snapshot of the store into a file. */
    public void save(Path snapshot) {
        run(
                EtcdBinary.tool("etcdctl").toString(),
                "--endpoints=" + endpoint(),
                "snapshot",
                "save",
                snapshot.toString());
    }

    /** Replaces the data of a stopped cluster of one member by a snapshot, as {@code etcdutl snapshot restore} does with these arguments. */
    public void restore(Path snapshot, String... arguments) {
        if (members.size() != 1 || runs(members.getFirst())) {
            throw new IllegalStateException("stop the one member before its data is restored");
        }
        Member member = members.getFirst();
        delete(member.data);
        List<String> command = new ArrayList<>(List.of(
                EtcdBinary.tool("etcdutl").toString(),
                "snapshot",
                "restore",
                snapshot.toString(),
                "--name=" + member.name,
                "--initial-cluster=" + initialCluster(),
                "--initial-advertise-peer-urls=" + member.peerUrl,
                "--data-dir=" + member.data));
        command.addAll(List.of(arguments));
        run(command.toArray(String[]::new));
    }

    @Override
    public void close() {
        destroy();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            return; // the JVM is going down: the hook runs or has run
        }
    }

    private void destroy() {
        members.forEach(member -> end(member, true));
        if (temporary) {
            delete(directory);
        }
    }

    private static boolean runs(Member member) {
        return member.process != null && member.process.isAlive();
    }

    private void launch(Member member) {
        List<String> command = new ArrayList<>(List.of(
                EtcdBinary.etcd().toString(),
                "--name=" + member.name,
                "--data-dir=" + member.data,
                "--listen-client-urls=" + member.clientUrl,
                "--advertise-client-urls=" + member.clientUrl,
                "--listen-peer-urls=" + member.peerUrl,
                "--initial-advertise-peer-urls=" + member.peerUrl,
                "--initial-cluster=" + initialCluster(),
                "--log-level=warn"));
        if (!options.durable()) {
            command.add("--unsafe-no-fsync");
        }
        command.addAll(options.arguments());
        try {
            member.process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(member.log.toFile()))
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void awaitReady(Member member) {
        Instant deadline = Instant.now().plus(START);
        while (!ready(member)) {
            if (!runs(member)) {
                throw new IllegalStateException("etcd ended at once; it said:\n" + logged(member));
            }
            if (Instant.now().isAfter(deadline)) {
                throw new IllegalStateException(
                        "etcd does not serve after " + START.toSeconds() + " s; it said:\n" + logged(member));
            }
            sleep(Duration.ofMillis(20));
        }
    }

    private boolean ready(Member member) {
        var request = HttpRequest.newBuilder(URI.create(member.clientUrl + "/readyz"))
                .timeout(Duration.ofSeconds(2))
                .build();
        try {
            return http.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    private static void end(Member member, boolean forcibly) {
        Process process = member.process;
        if (process == null) {
            return;
        }
        if (process.isAlive()) {
            if (forcibly) {
                process.destroyForcibly();
            } else {
                process.destroy();
            }
        }
        try {
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
        member.process = null;
    }

    private static void signal(Member member, String signal) {
        Process process = member.process;
        if (process != null) {
            run("kill", "-" + signal, Long.toString(process.pid()));
        }
    }

    private String initialCluster() {
        return members.stream()
                .map(member -> member.name + "=" + member.peerUrl)
                .collect(Collectors.joining(","));
    }

    private String call(String path, String body) {
        IOException last = null;
        for (Member member : members) {
            if (!runs(member)) {
                continue;
            }
            var request = HttpRequest.newBuilder(URI.create(member.clientUrl + "/v3/" + path))
                    .timeout(Duration.ofSeconds(10))
                    .POST(HttpRequest.BodyPublishers.ofString(body))
                    .build();
            try {
                HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString(UTF_8));
                if (response.statusCode() == 200) {
                    return response.body();
                }
                last = new IOException(path + ": " + response.statusCode() + " " + response.body());
            } catch (IOException e) {
                last = e;
            } catch (InterruptedException e) {
                throw interrupted(e);
            }
        }
        throw new IllegalStateException("etcd refused " + path, last);
    }

    private static void run(String... command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), UTF_8);
            if (process.waitFor() != 0) {
                throw new IllegalStateException(String.join(" ", command) + ": " + output);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    private static String logged(Member member) {
        try (Stream<String> lines = Files.lines(member.log)) {
            List<String> all = lines.toList();
            return String.join("\n", all.subList(Math.max(0, all.size() - 20), all.size()));
        } catch (IOException e) {
            return "(no log: " + e + ")";
        }
    }

    private static void delete(Path directory) {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int freePort(String address) {
        var random = new Random();
        for (int attempt = 0; attempt < 1000; attempt++) {
            int port = random.nextInt(FIRST_PORT, LAST_PORT);
            if (TAKEN.add(port) && isFree(address, port)) {
                return port;
            }
        }
        throw new IllegalStateException("no free port on " + address + " between " + FIRST_PORT + " and " + LAST_PORT);
    }

    private static boolean isFree(String address, int port) {
        try (var socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(InetAddress.getByName(address), port));
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private static void sleep(Duration duration) {
        try {
            Thread.sleep(duration);
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
    }

    private static IllegalStateException interrupted(InterruptedException e) {
        Thread.currentThread().interrupt();
        return new IllegalStateException("interrupted while waiting for etcd", e);
    }
}

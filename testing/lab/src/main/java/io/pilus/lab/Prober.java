package io.pilus.lab;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Makes connections from inside one network namespace, by a process that lives there and is asked over a unix socket. Attempts
 * run side by side.
 */
public final class Prober implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final SocketChannel channel;
    private final AtomicLong ids = new AtomicLong();
    private final Map<Long, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();

    private Prober(SocketChannel channel) {
        this.channel = channel;
        Thread.ofVirtual().name("prober").start(this::read);
    }

    /**
     * @throws IOException when nobody listens there (yet)
     */
    static Prober connect(Path socket) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.connect(UnixDomainSocketAddress.of(socket));
            return new Prober(channel);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /** The prober of a pod that another process started. */
    public static Prober of(LabState.PodState pod) {
        try {
            return connect(Path.of(pod.prober()));
        } catch (IOException e) {
            throw new LabException("the pod " + pod.namespace() + "/" + pod.name() + " does not answer", e);
        }
    }

    /** Connects, sends a line and waits for its answer. */
    public CompletableFuture<ProbeResult> probe(Transport transport, String address, int port, Duration timeout) {
        return probe(transport, address, port, timeout, 0);
    }

    /**
     * The same with a message of that many bytes, which must come back whole.
     *
     * @param size in bytes, at least 2; a UDP datagram larger than the MTU travels in fragments
     */
    public CompletableFuture<ProbeResult> probe(
            Transport transport, String address, int port, Duration timeout, int size) {
        return ask(target("probe", transport, address, port, timeout).put("size", size))
                .thenApply(Prober::result);
    }

    /** Opens a connection that sends one numbered message an interval and expects each to come back. */
    public Conversation converse(Transport transport, String address, int port, Duration interval) {
        return open("stream", transport, address, port, interval);
    }

    /** Opens a connection on which the other end sends a message an interval; this end says nothing after its first. */
    public Conversation subscribe(Transport transport, String address, int port, Duration interval) {
        return open("subscribe", transport, address, port, interval);
    }

    private Conversation open(String op, Transport transport, String address, int port, Duration interval) {
        ObjectNode command =
                target(op, transport, address, port, Duration.ofSeconds(5)).put("interval", interval.toNanos() / 1e9);
        JsonNode opened = ask(command).join();
        ProbeResult result = result(opened);
        if (!result.answered()) {
            throw new LabException("no conversation with " + address + " port " + port + ": " + result);
        }
        return new Conversation(this, opened.path("id").asLong());
    }

    /** Sends, from now on, whether or not there is an interface, a first packet an interval to each address. */
    public Flood flood(Transport transport, Collection<String> addresses, int port, Duration interval) {
        return flood(transport, addresses, port, interval, 0);
    }

    /**
     * The same.
     *
     * @param sourcePort of datagrams; 0 for any
     */
    public Flood flood(Transport transport, Collection<String> addresses, int port, Duration interval, int sourcePort) {
        ObjectNode command = command("flood")
                .put("protocol", name(transport))
                .put("port", port)
                .put("interval", interval.toNanos() / 1e9)
                .put("sourcePort", sourcePort);
        addresses.forEach(command.putArray("to")::add);
        return new Flood(this, ask(command).join().path("id").asLong());
    }

    /** Counts, from now on, what arrives. */
    public Witness witness() {
        return new Witness(this, ask(command("witness")).join().path("id").asLong());
    }

    /** Serves one more port. */
    public void listen(Transport transport, int port) {
        ask(JSON.createObjectNode()
                        .put("op", "listen")
                        .put("protocol", name(transport))
                        .put("port", port))
                .join();
    }

    CompletableFuture<JsonNode> ask(ObjectNode command) {
        long id = ids.incrementAndGet();
        var answer = new CompletableFuture<JsonNode>();
        waiting.put(id, answer);
        try {
            byte[] line = (JSON.writeValueAsString(command.put("id", id)) + "\n").getBytes(StandardCharsets.UTF_8);
            synchronized (channel) {
                ByteBuffer buffer = ByteBuffer.wrap(line);
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
            }
        } catch (IOException e) {
            waiting.remove(id);
            answer.completeExceptionally(e);
        }
        return answer;
    }

    static ObjectNode command(String op) {
        return JSON.createObjectNode().put("op", op);
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new LabException("could not close a prober", e);
        }
    }

    private static ObjectNode target(String op, Transport transport, String address, int port, Duration timeout) {
        return command(op)
                .put("protocol", name(transport))
                .put("to", address)
                .put("port", port)
                .put("timeout", timeout.toNanos() / 1e9);
    }

    private static ProbeResult result(JsonNode answer) {
        return new ProbeResult(
                ProbeResult.Outcome.valueOf(answer.path("outcome").asText()),
                answer.path("detail").asText(),
                Duration.ofNanos((long) (answer.path("millis").asDouble() * 1e6)));
    }

    private static String name(Transport transport) {
        return transport.name().toLowerCase(Locale.ROOT);
    }

    private void read() {
        Exception ended = new IOException("the prober's process has ended");
        try (var lines = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                complete(JSON.readTree(line));
            }
        } catch (IOException e) {
            ended = e;
        }
        for (CompletableFuture<JsonNode> answer : waiting.values()) {
            answer.completeExceptionally(ended);
        }
    }

    private void complete(JsonNode answer) throws JsonProcessingException {
        CompletableFuture<JsonNode> asker = waiting.remove(answer.path("id").asLong());
        if (asker == null) {
            return;
        }
        if (answer.has("error") && !answer.has("sent")) {
            asker.completeExceptionally(new LabException(answer.path("error").asText()));
        } else {
            asker.complete(answer);
        }
    }
}

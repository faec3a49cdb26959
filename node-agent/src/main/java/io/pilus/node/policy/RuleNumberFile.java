package io.pilus.node.policy;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.pilus.model.Cell;
import io.pilus.model.RuleNumbers;
import io.pilus.model.RuleRef;
import io.pilus.node.state.Frames;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The numbers by which cells, counters, connections and events of this node call rules. A number outlives the agent, as
 * the kernel's tables do, and never means another rule. Look-ups are safe from any thread.
 */
public final class RuleNumberFile implements RuleNumbers, Closeable {

    /** 0..15 are reserved: 0 none, 1 a node and its own pods, 2 not isolated. */
    static final int FIRST = 16;

    private final Path file;
    private final FileChannel channel;
    private final Map<RuleRef, Integer> numbers = new HashMap<>();
    private final Map<Integer, RuleRef> rules = new ConcurrentHashMap<>();
    private long end;
    private int next = FIRST;

    private RuleNumberFile(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Opens or creates the file; a damaged end is cut.
     *
     * @throws IOException when the disk refuses
     */
    public static RuleNumberFile open(Path file) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        FileChannel channel = FileChannel.open(file, READ, WRITE, CREATE);
        try {
            var numbers = new RuleNumberFile(file, channel);
            numbers.load();
            return numbers;
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /**
     * The rule's number; a new one is on disk before it is handed out.
     *
     * @throws UncheckedIOException when the disk refuses: a number that a restart would forget must not reach the kernel
     */
    @Override
    public synchronized int of(RuleRef rule) {
        Integer known = numbers.get(rule);
        if (known != null) {
            return known;
        }
        if (next > Cell.LAST_RULE) {
            throw new IllegalStateException("all " + Cell.LAST_RULE + " numbers of rules in " + file
                    + " are used; drain the node, remove the file and restart the node");
        }
        int number = next;
        try {
            append(number, rule);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "the number of " + rule + " cannot be written to " + file + ": " + e.getMessage(), e);
        }
        learn(number, rule);
        return number;
    }

    /** The rule that has this number. */
    public Optional<RuleRef> rule(int number) {
        return Optional.ofNullable(rules.get(number));
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    private void learn(int number, RuleRef rule) {
        numbers.put(rule, number);
        rules.put(number, rule);
        next = Math.max(next, number + 1);
    }

    private void append(int number, RuleRef rule) throws IOException {
        byte[] frame = Frames.encode(data -> {
            data.writeInt(number);
            Frames.write(data, rule.kind());
            Frames.write(data, rule.namespace());
            Frames.write(data, rule.name());
            Frames.write(data, rule.path());
        });
        var buffer = ByteBuffer.wrap(frame);
        long at = end;
        while (buffer.hasRemaining()) {
            at += channel.write(buffer, at);
        }
        end = at;
    }

    private void load() throws IOException {
        var in = new DataInputStream(new BufferedInputStream(Channels.newInputStream(channel.position(0)), 1 << 16));
        for (Frames.Payload frame = Frames.next(in); frame != null; frame = Frames.next(in)) {
            DataInputStream data = frame.data();
            learn(
                    data.readInt(),
                    new RuleRef(
                            Frames.readText(data),
                            Frames.readText(data),
                            Frames.readText(data),
                            Frames.readText(data)));
            end += frame.size();
        }
        channel.truncate(end);
    }
}

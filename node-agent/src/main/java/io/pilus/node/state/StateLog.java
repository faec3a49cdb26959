package io.pilus.node.state;

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.TRUNCATE_EXISTING;
import static java.nio.file.StandardOpenOption.WRITE;

import com.google.protobuf.ByteString;
import io.pilus.etcd.StoreId;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A sub-tree on disk: a snapshot, then the revisions that followed it. A file is a sequence of frames, each with length
 * and checksum; from the first frame that is not whole the file is cut, so that a crash costs at most the last
 * revisions, which the store still has. Revisions are written at once (a killed process loses none) and forced to the
 * disk by {@link #force}.
 *
 * <p>Not safe for use by several threads.
 */
final class StateLog implements Closeable {

    private static final int FORMAT = 1;
    private static final byte HEADER = 1;
    private static final byte ENTRY = 2;
    private static final byte SNAPSHOT_END = 3;
    private static final byte REVISION = 4;

    private static final long MIN_TAIL_BYTES = 4 << 20;

    private final Path file;
    private @Nullable FileChannel channel;
    private long snapshotBytes;
    private long end;
    private boolean dirty;

    private StateLog(Path file) {
        this.file = file;
    }

    /**
     * What a file had.
     *
     * @param store null when not even that could be read
     * @param revision of the last revision that was whole; the store had at least this one
     * @param entries null when the snapshot is not whole: nothing is known then
     */
    record Recovered(
            @Nullable StoreId store,
            long revision,
            @Nullable Map<String, Entry> entries) {}

    record Opened(StateLog log, Recovered recovered) {}

    /**
     * Opens or creates the file.
     *
     * @throws IOException when the disk refuses; damaged contents are no failure
     */
    static Opened open(Path file) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        Files.deleteIfExists(temporary(file));
        var log = new StateLog(file);
        var channel = FileChannel.open(file, READ, WRITE, CREATE);
        try {
            Recovered recovered = log.recover(channel);
            if (recovered.entries() == null) {
                channel.close();
            } else {
                log.channel = channel;
            }
            return new Opened(log, recovered);
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** Whether a snapshot is due, because the revisions behind the last one outweigh it or because there is none. */
    boolean wantsSnapshot() {
        return channel == null || end - snapshotBytes > Math.max(MIN_TAIL_BYTES, snapshotBytes);
    }

    /** Takes no revision more before a {@link #snapshot}: what follows is another store's. The file stays as it is until then. */
    void restart() {
        try {
            closeChannel();
        } catch (IOException e) {
            channel = null;
        }
    }

    /**
     * Replaces the file by a snapshot; it is on the disk when this returns.
     *
     * @throws IOException when the disk refuses; the old file is then still whole
     */
    void snapshot(StoreId store, long revision, Collection<Entry> entries) throws IOException {
        Path temporary = temporary(file);
        var next = FileChannel.open(temporary, READ, WRITE, CREATE, TRUNCATE_EXISTING);
        try {
            var out = new BufferedOutputStream(Channels.newOutputStream(next), 1 << 16);
            out.write(Frames.encode(data -> {
                data.writeByte(HEADER);
                data.writeInt(FORMAT);
                data.writeUTF(store.toString());
                data.writeLong(revision);
            }));
            for (Entry entry : entries) {
                out.write(Frames.encode(data -> {
                    data.writeByte(ENTRY);
                    write(data, entry);
                }));
            }
            out.write(Frames.encode(data -> {
                data.writeByte(SNAPSHOT_END);
                data.writeInt(entries.size());
            }));
            out.flush();
            next.force(true);
            Files.move(temporary, file, ATOMIC_MOVE, REPLACE_EXISTING);
            try (var directory = FileChannel.open(file.toAbsolutePath().getParent(), READ)) {
                directory.force(true);
            }
        } catch (IOException | RuntimeException e) {
            next.close();
            Files.deleteIfExists(temporary);
            throw e;
        }
        closeChannel();
        channel = next;
        snapshotBytes = next.position();
        end = snapshotBytes;
        dirty = false;
    }

    /**
     * Writes a revision behind the others.
     *
     * @throws IOException when the disk refuses; nothing can be appended then until a {@link #snapshot} succeeds
     */
    void append(Update update) throws IOException {
        FileChannel out = channel;
        if (out == null) {
            throw new IOException(file + " has no snapshot to which a revision could be added");
        }
        byte[] frame = Frames.encode(data -> {
            data.writeByte(REVISION);
            data.writeLong(update.revision());
            data.writeInt(update.puts().size());
            for (Entry put : update.puts()) {
                write(data, put);
            }
            data.writeInt(update.gone().size());
            for (String key : update.gone()) {
                Frames.write(data, key);
            }
        });
        try {
            var buffer = ByteBuffer.wrap(frame);
            long at = end;
            while (buffer.hasRemaining()) {
                at += out.write(buffer, at);
            }
            end = at;
            dirty = true;
        } catch (IOException e) {
            // a hole in the sequence must never be followed by another revision
            channel = null;
            try (out) {
                out.truncate(end);
            }
            throw e;
        }
    }

    /** Forces what was appended to the disk. */
    void force() throws IOException {
        if (dirty && channel != null) {
            channel.force(false);
            dirty = false;
        }
    }

    @Override
    public void close() throws IOException {
        force();
        closeChannel();
    }

    private void closeChannel() throws IOException {
        if (channel != null) {
            channel.close();
            channel = null;
        }
    }

    private Recovered recover(FileChannel channel) throws IOException {
        StoreId store = null;
        long revision = 0;
        boolean whole = false;
        Map<String, Entry> entries = new TreeMap<>();
        var in = new DataInputStream(new BufferedInputStream(Channels.newInputStream(channel.position(0)), 1 << 16));
        long good = 0;
        for (Frames.Payload frame = Frames.next(in); frame != null; frame = Frames.next(in)) {
            DataInputStream data = frame.data();
            byte kind = data.readByte();
            if (store == null) {
                if (kind != HEADER || data.readInt() != FORMAT) {
                    break;
                }
                store = StoreId.parse(data.readUTF());
                revision = data.readLong();
            } else if (kind == ENTRY && !whole) {
                Entry entry = readEntry(data);
                entries.put(entry.key(), entry);
            } else if (kind == SNAPSHOT_END && !whole && data.readInt() == entries.size()) {
                whole = true;
                snapshotBytes = good + frame.size();
            } else if (kind == REVISION && whole) {
                Update update = readUpdate(data);
                apply(update, entries);
                revision = update.revision();
            } else {
                break;
            }
            good += frame.size();
        }
        if (!whole) {
            return new Recovered(store, revision, null);
        }
        end = good;
        channel.truncate(good);
        return new Recovered(store, revision, entries);
    }

    static void apply(Update update, Map<String, Entry> entries) {
        update.gone().forEach(entries::remove);
        update.puts().forEach(put -> entries.put(put.key(), put));
    }

    private static void write(DataOutputStream data, Entry entry) throws IOException {
        Frames.write(data, entry.key());
        data.writeLong(entry.modRevision());
        data.writeInt(entry.value().size());
        entry.value().writeTo(data);
    }

    private static Update readUpdate(DataInputStream data) throws IOException {
        long revision = data.readLong();
        int putCount = data.readInt();
        List<Entry> puts = new ArrayList<>();
        for (int i = 0; i < putCount; i++) {
            puts.add(readEntry(data));
        }
        int goneCount = data.readInt();
        List<String> gone = new ArrayList<>();
        for (int i = 0; i < goneCount; i++) {
            gone.add(Frames.readText(data));
        }
        return new Update(revision, puts, gone);
    }

    private static Entry readEntry(DataInputStream data) throws IOException {
        String key = Frames.readText(data);
        long modRevision = data.readLong();
        return new Entry(key, ByteString.copyFrom(data.readNBytes(data.readInt())), modRevision);
    }

    private static Path temporary(Path file) {
        return file.resolveSibling(file.getFileName() + ".new");
    }
}

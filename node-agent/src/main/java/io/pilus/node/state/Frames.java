package io.pilus.node.state;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** Pieces of an append-only file, each behind its length and checksum: what a crash left half written is recognised. */
public final class Frames {

    /** What a frame has besides its payload. */
    public static final int OVERHEAD = 8;

    /** Above the largest transaction of etcd. */
    private static final int MAX_BYTES = 64 << 20;

    private Frames() {}

    /** Writes a payload. */
    @FunctionalInterface
    public interface Writer {
        void write(DataOutputStream out) throws IOException;
    }

    public static byte[] encode(Writer writer) throws IOException {
        var bytes = new ByteArrayOutputStream();
        bytes.write(new byte[OVERHEAD]);
        writer.write(new DataOutputStream(bytes));
        byte[] frame = bytes.toByteArray();
        ByteBuffer.wrap(frame).putInt(frame.length - OVERHEAD).putInt(checksum(frame, OVERHEAD));
        return frame;
    }

    /**
     * Reads the next payload.
     *
     * @return null when there is none that is whole
     */
    public static @Nullable Payload next(DataInputStream in) throws IOException {
        byte[] header = in.readNBytes(OVERHEAD);
        if (header.length < OVERHEAD) {
            return null;
        }
        var buffer = ByteBuffer.wrap(header);
        int length = buffer.getInt();
        int checksum = buffer.getInt();
        if (length <= 0 || length > MAX_BYTES) {
            return null;
        }
        byte[] payload = in.readNBytes(length);
        return payload.length == length && checksum(payload, 0) == checksum
                ? new Payload(new DataInputStream(new ByteArrayInputStream(payload)), length)
                : null;
    }

    /** What a whole frame holds. */
    public record Payload(DataInputStream data, int length) {

        /** What it takes in the file. */
        public int size() {
            return OVERHEAD + length;
        }
    }

    /** A string of any length. */
    public static void write(DataOutputStream data, String text) throws IOException {
        byte[] bytes = text.getBytes(UTF_8);
        data.writeInt(bytes.length);
        data.write(bytes);
    }

    public static String readText(DataInputStream data) throws IOException {
        return new String(data.readNBytes(data.readInt()), UTF_8);
    }

    private static int checksum(byte[] bytes, int from) {
        var crc = new CRC32C();
        crc.update(bytes, from, bytes.length - from);
        return (int) crc.getValue();
    }
}

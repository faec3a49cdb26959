package io.pilus.netlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A request as it is built: a netlink header, a fixed part, and attributes that may be nested. */
final class Message {

    static final int HEADER = 16;
    static final int ATTRIBUTE_HEADER = 4;

    private static final int CAPACITY = 1024;
    private static final short NESTED = (short) 0x8000;

    private final ByteBuffer buffer = ByteBuffer.allocateDirect(CAPACITY).order(ByteOrder.nativeOrder());

    /**
     * @param fixed size of the fixed part, zero at first
     */
    Message(int type, int flags, int fixed) {
        buffer.putShort(4, (short) type);
        buffer.putShort(6, (short) flags);
        buffer.position(HEADER + fixed);
    }

    /** Sets a byte, counted from the beginning of the fixed part. */
    Message fixed8(int offset, int value) {
        buffer.put(HEADER + offset, (byte) value);
        return this;
    }

    Message fixed16(int offset, int value) {
        buffer.putShort(HEADER + offset, (short) value);
        return this;
    }

    Message fixed32(int offset, int value) {
        buffer.putInt(HEADER + offset, value);
        return this;
    }

    Message bytes(int type, byte[] value) {
        buffer.putShort((short) (ATTRIBUTE_HEADER + value.length)).putShort((short) type);
        buffer.put(value);
        align();
        return this;
    }

    Message text(int type, String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        return bytes(type, Arrays.copyOf(bytes, bytes.length + 1));
    }

    Message u8(int type, int value) {
        return bytes(type, new byte[] {(byte) value});
    }

    Message u16(int type, short value, ByteOrder order) {
        return bytes(type, ByteBuffer.allocate(2).order(order).putShort(value).array());
    }

    Message u32(int type, int value) {
        return bytes(
                type,
                ByteBuffer.allocate(4)
                        .order(ByteOrder.nativeOrder())
                        .putInt(value)
                        .array());
    }

    /** Begins an attribute of attributes; give the result to {@link #end}. */
    int nest(int type) {
        int start = buffer.position();
        buffer.putShort((short) 0).putShort((short) (type | NESTED));
        return start;
    }

    /** Leaves room for a fixed part inside a nested attribute. */
    Message skip(int bytes) {
        buffer.position(buffer.position() + bytes);
        return this;
    }

    /** Sets a word at a place that {@link #nest} gave, counted behind the attribute's header. */
    Message nested32(int start, int offset, int value) {
        buffer.putInt(start + ATTRIBUTE_HEADER + offset, value);
        return this;
    }

    Message end(int start) {
        buffer.putShort(start, (short) (buffer.position() - start));
        return this;
    }

    /** The finished request, ready to be sent. */
    ByteBuffer finish(int sequence) {
        buffer.putInt(0, buffer.position());
        buffer.putInt(8, sequence);
        return buffer.flip();
    }

    private void align() {
        buffer.position((buffer.position() + 3) & ~3);
    }
}

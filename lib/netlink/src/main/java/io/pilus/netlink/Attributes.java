package io.pilus.netlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** The attributes of an answer, by type. */
final class Attributes {

    private static final int TYPE = 0x3fff;

    private final Map<Integer, ByteBuffer> byType = new HashMap<>();

    Attributes(ByteBuffer bytes) {
        ByteBuffer rest = bytes.slice().order(ByteOrder.nativeOrder());
        while (rest.remaining() >= Message.ATTRIBUTE_HEADER) {
            int length = rest.getShort(rest.position()) & 0xffff;
            if (length < Message.ATTRIBUTE_HEADER || length > rest.remaining()) {
                return;
            }
            byType.put(
                    rest.getShort(rest.position() + 2) & TYPE,
                    rest.slice(rest.position() + Message.ATTRIBUTE_HEADER, length - Message.ATTRIBUTE_HEADER)
                            .order(ByteOrder.nativeOrder()));
            rest.position(Math.min(rest.limit(), rest.position() + ((length + 3) & ~3)));
        }
    }

    boolean has(int type) {
        return byType.containsKey(type);
    }

    byte[] bytes(int type) {
        ByteBuffer value = byType.get(type);
        if (value == null) {
            return new byte[0];
        }
        byte[] bytes = new byte[value.remaining()];
        value.get(0, bytes);
        return bytes;
    }

    /** Empty where there is none. */
    String text(int type) {
        String text = new String(bytes(type), StandardCharsets.UTF_8);
        return text.endsWith("\0") ? text.substring(0, text.length() - 1) : text;
    }

    /** 0 where there is none. */
    int u32(int type) {
        ByteBuffer value = byType.get(type);
        return value == null || value.remaining() < 4 ? 0 : value.getInt(0);
    }

    Attributes nested(int type) {
        ByteBuffer value = byType.get(type);
        return new Attributes(value == null ? ByteBuffer.allocate(0) : value);
    }
}

package io.pilus.node.policy;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Prefix;
import io.pilus.model.CellKey;
import io.pilus.model.Direction;
import io.pilus.model.Half;
import io.pilus.model.PortKey;
import io.pilus.model.VerdictTable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Keys and values of the maps that hold verdict tables, as {@code pilus/abi.h} lays them out. */
final class Layout {

    static final int TABLE_BYTES = 24;
    static final int PEER_KEY_BYTES = 8;
    static final int PORT_KEY_BYTES = 8;
    static final int ADDRESS_KEY_BYTES = 24;
    static final int CELL_KEY_BYTES = 12;

    private static final int HAS_ADDRESSES = 1;

    /** How many bits of the key of an address class stand before the address. */
    private static final int TABLE_BITS = 32;

    private Layout() {}

    static byte[] u32(int value) {
        return buffer(4).putInt(value).array();
    }

    static byte[] u64(long value) {
        return buffer(8).putLong(value).array();
    }

    static int readU32(byte[] value) {
        return wrap(value).getInt();
    }

    static long readU64(byte[] value) {
        return wrap(value).getLong();
    }

    static byte[] header(VerdictTable table) {
        return buffer(TABLE_BYTES)
                .putInt(table.hasAddressHalf() ? HAS_ADDRESSES : 0)
                .putInt(table.portLengths())
                .putLong(table.defaultIngress())
                .putLong(table.defaultEgress())
                .array();
    }

    static byte[] peerKey(int table, int identity) {
        return buffer(PEER_KEY_BYTES).putInt(table).putInt(identity).array();
    }

    /** The table of a key of any map but {@code address_classes}. */
    static int tableOf(byte[] key) {
        return wrap(key).getInt();
    }

    static int identityOf(byte[] peerKey) {
        return wrap(peerKey).getInt(4);
    }

    static byte[] portKey(int table, PortKey key) {
        return buffer(PORT_KEY_BYTES)
                .putInt(table)
                .putShort((short) key.port())
                .put((byte) key.protocol())
                .put((byte) key.length())
                .array();
    }

    static PortKey portOf(byte[] portKey) {
        ByteBuffer key = wrap(portKey);
        return new PortKey(
                Byte.toUnsignedInt(key.get(6)), Short.toUnsignedInt(key.getShort(4)), Byte.toUnsignedInt(key.get(7)));
    }

    static byte[] addressKey(int table, Prefix prefix) {
        return buffer(ADDRESS_KEY_BYTES)
                .putInt(TABLE_BITS + Prefixes.mappedLength(prefix))
                .putInt(table)
                .put(Prefixes.mapped(prefix.getAddress()))
                .array();
    }

    static int tableOfAddress(byte[] addressKey) {
        return wrap(addressKey).getInt(4);
    }

    /** The prefix of a key; one that holds IPv4 addresses alone comes back as an IPv4 prefix. */
    static Prefix prefixOf(byte[] addressKey) {
        ByteBuffer key = wrap(addressKey);
        int length = key.getInt(0) - TABLE_BITS;
        byte[] mapped = new byte[16];
        key.get(8, mapped);
        ByteString address = length >= 96 ? Prefixes.unmapped(mapped) : ByteString.copyFrom(mapped);
        return Prefix.newBuilder()
                .setAddress(address)
                .setLength(address.size() == 4 ? length - 96 : length)
                .build();
    }

    static byte[] cellKey(int table, CellKey key) {
        return buffer(CELL_KEY_BYTES)
                .putInt(table)
                .putShort((short) key.peer())
                .putShort((short) key.port())
                .put((byte) key.direction().code())
                .put((byte) key.half().code())
                .putShort((short) 0)
                .array();
    }

    static CellKey cellOf(byte[] cellKey) {
        ByteBuffer key = wrap(cellKey);
        return new CellKey(
                half(key.get(9)),
                key.get(8) == Direction.INGRESS.code() ? Direction.INGRESS : Direction.EGRESS,
                Short.toUnsignedInt(key.getShort(4)),
                Short.toUnsignedInt(key.getShort(6)));
    }

    private static Half half(int code) {
        for (Half half : Half.values()) {
            if (half.code() == code) {
                return half;
            }
        }
        throw new IllegalArgumentException("no half has the code " + code);
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.nativeOrder());
    }

    private static ByteBuffer wrap(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    }
}

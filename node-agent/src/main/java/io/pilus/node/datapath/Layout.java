package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.netlink.MacAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.function.ToLongFunction;

/**
 * How a Java record looks as a struct of {@code pilus/abi.h}. Declared field by field, in the struct's order; a test compares it with
 * the compiled datapath.
 */
public final class Layout<T> {

    /** A number by itself, as key or value. */
    static final Layout<Integer> NUMBER =
            Layout.<Integer>of("__u32").u32("value", number -> number).read(r -> r.u32("value"));

    /** A count by itself. */
    static final Layout<Long> COUNT =
            Layout.<Long>of("__u64").u64("value", count -> count).read(r -> r.u64("value"));

    private static final int ADDRESS_BYTES = 16;
    private static final ByteString NO_ADDRESS = ByteString.copyFrom(new byte[ADDRESS_BYTES]);

    private final String struct;
    private final Map<String, Integer> offsets;
    private final int size;
    private final List<Writer<T>> writers;
    private final Function<Reader, T> reader;

    private interface Writer<T> {
        void write(T value, ByteBuffer to);
    }

    private Layout(Builder<T> builder, Function<Reader, T> reader) {
        this.struct = builder.struct;
        this.offsets = Map.copyOf(builder.offsets);
        this.size = builder.size;
        this.writers = List.copyOf(builder.writers);
        this.reader = reader;
    }

    static <T> Builder<T> of(String struct) {
        return new Builder<>(struct);
    }

    /** The struct's name in C. */
    public String struct() {
        return struct;
    }

    /** Its size in bytes. */
    public int size() {
        return size;
    }

    /** Where each field begins, in bytes. */
    public Map<String, Integer> offsets() {
        return offsets;
    }

    public byte[] encode(T value) {
        ByteBuffer buffer = ByteBuffer.allocate(size).order(ByteOrder.nativeOrder());
        writers.forEach(writer -> writer.write(value, buffer));
        return buffer.array();
    }

    /** Reads the struct at the beginning of the bytes. */
    public T decode(byte[] bytes) {
        return decode(bytes, 0);
    }

    T decode(byte[] bytes, int at) {
        return reader.apply(
                new Reader(ByteBuffer.wrap(bytes, at, size).slice().order(ByteOrder.nativeOrder()), offsets));
    }

    /** The fields of one struct, by name. */
    record Reader(ByteBuffer bytes, Map<String, Integer> offsets) {

        int u8(String field) {
            return Byte.toUnsignedInt(bytes.get(at(field)));
        }

        int u16(String field) {
            return Short.toUnsignedInt(bytes.getShort(at(field)));
        }

        int be16(String field) {
            return Short.toUnsignedInt(Short.reverseBytes(bytes.getShort(at(field))));
        }

        int u32(String field) {
            return bytes.getInt(at(field));
        }

        /** One of an array of two. */
        long element(String field, int index) {
            return bytes.getLong(at(field) + index * Long.BYTES);
        }

        long u64(String field) {
            return bytes.getLong(at(field));
        }

        /** Of 4 or 16 bytes; empty for all zero. */
        ByteString address(String field) {
            byte[] address = new byte[ADDRESS_BYTES];
            bytes.get(at(field), address);
            ByteString found = Prefixes.unmapped(address);
            return found.equals(NO_ADDRESS) ? ByteString.EMPTY : found;
        }

        /** As {@link #address}, where all zero is an address like any other. */
        byte[] raw(String field) {
            byte[] address = new byte[ADDRESS_BYTES];
            bytes.get(at(field), address);
            return address;
        }

        MacAddress mac(String field) {
            byte[] mac = new byte[6];
            bytes.get(at(field), mac);
            return MacAddress.of(mac);
        }

        private int at(String field) {
            Integer offset = offsets.get(field);
            if (offset == null) {
                throw new IllegalArgumentException("no field " + field);
            }
            return offset;
        }
    }

    /** Collects the fields. */
    static final class Builder<T> {

        private final String struct;
        private final Map<String, Integer> offsets = new LinkedHashMap<>();
        private final List<Writer<T>> writers = new ArrayList<>();
        private int size;

        private Builder(String struct) {
            this.struct = struct;
        }

        Builder<T> u8(String field, ToIntFunction<T> value) {
            int at = next(field, 1);
            writers.add((from, to) -> to.put(at, (byte) value.applyAsInt(from)));
            return this;
        }

        Builder<T> u16(String field, ToIntFunction<T> value) {
            int at = next(field, Short.BYTES);
            writers.add((from, to) -> to.putShort(at, (short) value.applyAsInt(from)));
            return this;
        }

        /** In network order. */
        Builder<T> be16(String field, ToIntFunction<T> value) {
            int at = next(field, Short.BYTES);
            writers.add((from, to) -> to.putShort(at, Short.reverseBytes((short) value.applyAsInt(from))));
            return this;
        }

        Builder<T> u32(String field, ToIntFunction<T> value) {
            int at = next(field, Integer.BYTES);
            writers.add((from, to) -> to.putInt(at, value.applyAsInt(from)));
            return this;
        }

        Builder<T> u64(String field, ToLongFunction<T> value) {
            int at = next(field, Long.BYTES);
            writers.add((from, to) -> to.putLong(at, value.applyAsLong(from)));
            return this;
        }

        /** An array of two. */
        Builder<T> u64s(String field, ToLongFunction<T> first, ToLongFunction<T> second) {
            int at = next(field, 2 * Long.BYTES);
            writers.add((from, to) ->
                    to.putLong(at, first.applyAsLong(from)).putLong(at + Long.BYTES, second.applyAsLong(from)));
            return this;
        }

        /** All zero for an empty one. */
        Builder<T> address(String field, Function<T, ByteString> value) {
            int at = next(field, ADDRESS_BYTES);
            writers.add((from, to) -> {
                ByteString address = value.apply(from);
                if (!address.isEmpty()) {
                    to.put(at, Prefixes.mapped(address));
                }
            });
            return this;
        }

        Builder<T> mac(String field, Function<T, MacAddress> value) {
            int at = next(field, 6);
            writers.add((from, to) -> to.put(at, value.apply(from).toBytes()));
            return this;
        }

        /** Named padding, which stays zero. */
        Builder<T> zero(String field, int bytes) {
            next(field, bytes);
            return this;
        }

        Layout<T> read(Function<Reader, T> reader) {
            return new Layout<>(this, reader);
        }

        private int next(String field, int bytes) {
            int at = size;
            offsets.put(field, at);
            size += bytes;
            return at;
        }
    }
}

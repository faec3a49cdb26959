package io.pilus.libbpf;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.NoSuchElementException;
import jnr.ffi.Pointer;

/** Types of a compiled object, to compare with what Java believes. Kernel documentation: bpf/btf.rst. */
public final class Btf {

    private static final int KIND_ENUM = 6;
    private static final int HEADER_BYTES = 12;
    private static final int MEMBER_BYTES = 12;
    private static final int ENUMERATOR_BYTES = 8;

    private final Pointer btf;

    /**
     * A struct's size and the offset of each field, in bytes.
     */
    public record Struct(long size, Map<String, Integer> offsets) {
        public Struct {
            offsets = Map.copyOf(offsets);
        }
    }

    Btf(Pointer btf) {
        this.btf = btf;
    }

    public Struct struct(String name) {
        int id = find(name);
        Pointer type = type(id);
        Map<String, Integer> offsets = new LinkedHashMap<>();
        for (int i = 0; i < count(type); i++) {
            long at = HEADER_BYTES + (long) i * MEMBER_BYTES;
            offsets.put(text(type.getInt(at)), (type.getInt(at + 8) & 0xffffff) / 8);
        }
        return new Struct(LibBpf.INSTANCE.btf__resolve_size(btf, id), offsets);
    }

    /** Names and numbers of an enum. */
    public Map<String, Integer> enumeration(String name) {
        Pointer type = type(find(name));
        if ((type.getInt(4) >> 24 & 0x1f) != KIND_ENUM) {
            throw new NoSuchElementException("'" + name + "' is no enum");
        }
        Map<String, Integer> values = new LinkedHashMap<>();
        for (int i = 0; i < count(type); i++) {
            long at = HEADER_BYTES + (long) i * ENUMERATOR_BYTES;
            values.put(text(type.getInt(at)), type.getInt(at + 4));
        }
        return values;
    }

    private int find(String name) {
        int id = LibBpf.INSTANCE.btf__find_by_name(btf, name);
        if (id < 0) {
            throw new NoSuchElementException("the object has no type '" + name + "'");
        }
        return id;
    }

    private Pointer type(int id) {
        Pointer type = LibBpf.INSTANCE.btf__type_by_id(btf, id);
        if (type == null) {
            throw new NoSuchElementException("the object has no type number " + id);
        }
        return type;
    }

    private static int count(Pointer type) {
        return type.getInt(4) & 0xffff;
    }

    private String text(int offset) {
        return LibBpf.INSTANCE.btf__name_by_offset(btf, offset);
    }
}

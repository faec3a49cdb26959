package io.pilus.libbpf;

import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.NoSuchElementException;
import jnr.constants.platform.Errno;
import jnr.ffi.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * A compiled object file: opened, prepared, loaded. Before {@link #load} maps may be replaced by existing ones and
 * read-only data set; afterwards its maps and programs are in the kernel. Closing it drops what is neither pinned nor
 * attached. For one thread until it is loaded.
 */
public final class BpfObject implements AutoCloseable {

    private static final LibBpf LIB = LibBpf.INSTANCE;
    private static final int LOG_LINE = 1 << 20;

    /** What libbpf says while this thread calls it; the verifier's log is in there. */
    private static final ThreadLocal<@Nullable StringBuilder> MESSAGES = new ThreadLocal<>();

    /** Held here, since native code calls it for as long as the process lives. */
    private static final LibBpf.Print PRINT = (level, format, arguments) -> {
        StringBuilder messages = MESSAGES.get();
        if (messages != null && level == 0) {
            byte[] line = new byte[LOG_LINE];
            int length = LibC.INSTANCE.vsnprintf(line, line.length, format, arguments);
            messages.append(new String(line, 0, Math.min(length, line.length - 1), StandardCharsets.UTF_8));
        }
        return 0;
    };

    static {
        LIB.libbpf_set_print(PRINT);
    }

    private final String name;
    private final Pointer object;
    private final Map<String, Pointer> rawMaps = new LinkedHashMap<>();
    private final Map<String, BpfMap> maps = new LinkedHashMap<>();
    private final Map<String, BpfProgram> programs = new LinkedHashMap<>();

    private BpfObject(String name, Pointer object) {
        this.name = name;
        this.object = object;
        for (Pointer map = LIB.bpf_object__next_map(object, null);
                map != null;
                map = LIB.bpf_object__next_map(object, map)) {
            rawMaps.put(LIB.bpf_map__name(map), map);
        }
    }

    /**
     * @param name for messages
     * @param elf the object file
     */
    public static BpfObject open(String name, byte[] elf) {
        Pointer object = LIB.bpf_object__open_mem(elf, elf.length, null);
        if (object == null) {
            throw new BpfException("bpf_object__open_mem", name, Kernel.errno());
        }
        return new BpfObject(name, object);
    }

    /** The names of its maps, read-only data and the like left out. */
    public Iterable<String> mapNames() {
        return rawMaps.entrySet().stream()
                .filter(map -> !LIB.bpf_map__is_internal(map.getValue()))
                .map(Map.Entry::getKey)
                .toList();
    }

    /** Fills {@code const volatile} data; the array is the whole section. */
    public BpfObject readOnlyData(byte[] data) {
        Pointer section = rawMaps.entrySet().stream()
                .filter(map -> map.getKey().endsWith(".rodata"))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElseThrow(() -> new NoSuchElementException(name + " has no read-only data"));
        Kernel.check(
                LIB.bpf_map__set_initial_value(section, data, data.length),
                "bpf_map__set_initial_value",
                name + ", .rodata of " + data.length + " bytes");
        return this;
    }

    /** Uses an existing map in the place of one of its own. Once loaded, only of one that no program names. */
    public BpfObject reuse(BpfMap existing, String mapName) {
        Pointer map = raw(mapName);
        Kernel.check(LIB.bpf_map__reuse_fd(map, existing.descriptor()), "bpf_map__reuse_fd", name + ", " + mapName);
        maps.computeIfPresent(mapName, (_, _) -> new BpfMap(mapName, LIB.bpf_map__fd(map), false));
        return this;
    }

    public BpfObject maxEntries(String mapName, int entries) {
        Kernel.check(
                LIB.bpf_map__set_max_entries(raw(mapName), entries), "bpf_map__set_max_entries", name + ", " + mapName);
        return this;
    }

    /**
     * Creates the maps and has the programs verified.
     *
     * @throws BpfException with the verifier's log when a program is refused
     */
    public BpfObject load() {
        var messages = new StringBuilder();
        MESSAGES.set(messages);
        try {
            int result = LIB.bpf_object__load(object);
            if (result < 0) {
                throw new BpfException("bpf_object__load", name, -result, messages.toString());
            }
        } finally {
            MESSAGES.remove();
        }
        rawMaps.forEach((mapName, map) -> {
            if (!LIB.bpf_map__is_internal(map)) {
                maps.put(mapName, new BpfMap(mapName, LIB.bpf_map__fd(map), false));
            }
        });
        for (Pointer program = LIB.bpf_object__next_program(object, null);
                program != null;
                program = LIB.bpf_object__next_program(object, program)) {
            String programName = LIB.bpf_program__name(program);
            programs.put(programName, new BpfProgram(programName, LIB.bpf_program__fd(program)));
        }
        return this;
    }

    /** Of a loaded object; belongs to it. */
    public BpfMap map(String mapName) {
        return named(maps, "map", mapName);
    }

    /** Of a loaded object. */
    public BpfProgram program(String programName) {
        return named(programs, "program", programName);
    }

    /** Of a loaded object. */
    public Map<String, BpfProgram> programs() {
        return Collections.unmodifiableMap(programs);
    }

    /** The types that it was compiled with. */
    public Btf btf() {
        Pointer btf = LIB.bpf_object__btf(object);
        if (btf == null) {
            throw new BpfException("bpf_object__btf", name, Errno.ENOENT.intValue());
        }
        return new Btf(btf);
    }

    @Override
    public void close() {
        LIB.bpf_object__close(object);
    }

    private Pointer raw(String mapName) {
        return named(rawMaps, "map", mapName);
    }

    private <T> T named(Map<String, T> all, String kind, String wanted) {
        T found = all.get(wanted);
        if (found == null) {
            throw new NoSuchElementException("%s has no %s %s; it has %s".formatted(name, kind, wanted, all.keySet()));
        }
        return found;
    }
}

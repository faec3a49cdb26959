package io.pilus.node.datapath;

import io.pilus.libbpf.BpfException;
import io.pilus.libbpf.BpfMap;
import io.pilus.libbpf.BpfObject;
import io.quarkus.logging.Log;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jnr.constants.platform.Errno;

/**
 * The pins of maps, ours and those of neighbouring versions of the agent: the number behind a map's name is that of its layout
 * (docs/decisions/0008). What a neighbour has pinned is carried over before our programs take the place of its own; after that its pin
 * goes, so that what is pinned is what is in force. A neighbour's values are ours but for their last fields.
 */
final class MapPins {

    private static final Pattern NAME = Pattern.compile("(.+)_v(\\d+)");
    private static final String NOT_IN_FORCE = "_new";
    private static final String CONNECTIONS = "ct";
    private static final String CONNECTIONS_IN_USE = "ct_current";

    /** {@code enum bpf_map_type}: hash, array, hash that displaces, trie. The others have nothing to carry over, or only counts. */
    private static final List<Integer> CARRIED = List.of(1, 2, 9, 11);

    private final Path directory;
    private final Map<String, Integer> layouts = new LinkedHashMap<>();

    /** Without a number. */
    private final Set<String> unpinned = new LinkedHashSet<>();

    /** Ours that have not their name yet, as a neighbour's are still in force. */
    private final Set<String> carried = new LinkedHashSet<>();

    MapPins(Path directory, byte[] elf) {
        this.directory = directory;
        try (BpfObject object = BpfObject.open("pilus.bpf.o", elf)) {
            for (String name : object.mapNames()) {
                Matcher matcher = NAME.matcher(name);
                if (matcher.matches()) {
                    layouts.put(matcher.group(1), Integer.parseInt(matcher.group(2)));
                } else {
                    unpinned.add(name);
                }
            }
        }
    }

    /** A map's name without the number of its layout; empty for one that never is another version's. */
    static Optional<String> base(String name) {
        Matcher matcher = NAME.matcher(name);
        return matcher.matches() ? Optional.of(matcher.group(1)) : Optional.empty();
    }

    /**
     * What is pinned. The maps without a number are the programs' own for the time of a packet: every load has new ones, as their
     * layout changes with the programs.
     */
    List<String> names() {
        return layouts.keySet().stream().map(this::named).toList();
    }

    /** The name that the map has in this version. */
    String named(String base) {
        Integer layout = layouts.get(base);
        if (layout == null) {
            throw new NoSuchElementException("the datapath has no map " + base);
        }
        return base + "_v" + layout;
    }

    /** Where the map of ours is pinned. */
    Path path(String name) {
        return directory.resolve(carried.contains(name) ? name + NOT_IN_FORCE : name);
    }

    /** Removes what an agent that died has left half done. */
    void clean() {
        all().stream()
                .filter(pin -> String.valueOf(pin.getFileName()).endsWith(NOT_IN_FORCE))
                .forEach(MapPins::delete);
    }

    /** In one step: there is always one. */
    void replace(String name, BpfMap map) {
        Path fresh = directory.resolve(name + "_next" + NOT_IN_FORCE);
        delete(fresh);
        map.pin(fresh);
        move(fresh, path(name));
    }

    /** How many entries the map has room for in the neighbouring version that is in force, where that is another layout. */
    Optional<Integer> entriesOfNeighbour(String name) {
        List<BpfMap> theirs = neighbours(name);
        Optional<Integer> entries = theirs.stream().findFirst().map(BpfMap::maxEntries);
        theirs.forEach(BpfMap::close);
        return entries;
    }

    /** Pins a map of ours that is new. It begins with what the neighbour's has, if there is one. */
    void add(BpfMap ours) {
        if (copy(ours)) {
            carried.add(ours.name());
        }
        ours.pin(path(ours.name()));
    }

    /** Our programs are in force: carries over what came meanwhile, and removes what a neighbour's and older layouts have left. */
    void tidy(BpfObject object) {
        for (String name : carried) {
            copy(object.map(name));
        }
        for (String name : carried) {
            move(path(name), directory.resolve(name));
            neighbourPins(name).forEach(MapPins::delete);
            Log.infof("the map %s has what its neighbouring layout had", name);
        }
        carried.clear();
        for (Path pin : all()) {
            String name = String.valueOf(pin.getFileName());
            Matcher matcher = NAME.matcher(name);
            boolean older =
                    matcher.matches() && layouts.getOrDefault(matcher.group(1), 0) > Integer.parseInt(matcher.group(2));
            if (older || unpinned.contains(name)) {
                delete(pin);
                Log.infof("removed the map %s, which nothing reads any more", name);
            }
        }
    }

    private boolean copy(BpfMap ours) {
        List<BpfMap> theirs = neighbours(ours.name());
        try {
            for (BpfMap map : theirs) {
                if (CARRIED.contains(map.type()) && map.type() == ours.type() && map.keySize() == ours.keySize()) {
                    map.forEachBatch(batch -> batch.forEach(entry -> put(ours, entry)));
                }
            }
            return !theirs.isEmpty();
        } finally {
            theirs.forEach(BpfMap::close);
        }
    }

    /** Fields are appended: what is missing is zero, what is too much is cut. */
    private static void put(BpfMap ours, BpfMap.Entry entry) {
        boolean array = ours.type() == 2;
        try {
            ours.update(
                    entry.key(),
                    Arrays.copyOf(entry.value(), ours.valueSize()),
                    array ? BpfMap.Mode.ANY : BpfMap.Mode.ABSENT);
        } catch (BpfException e) {
            if (e.errno() != Errno.EEXIST.intValue()) {
                throw e;
            }
        }
    }

    /** The neighbour's map of that name; of connections the table in use, then the one being drained. */
    private List<BpfMap> neighbours(String name) {
        Optional<String> base = base(name);
        List<BpfMap> found = new ArrayList<>();
        if (base.filter(CONNECTIONS_IN_USE::equals).isPresent()) {
            for (Path pin : neighbourPins(named(CONNECTIONS))) {
                try (BpfMap tables = BpfMap.pinned(pin)) {
                    for (int slot = 0; slot < tables.maxEntries(); slot++) {
                        tables.lookup(Layout.NUMBER.encode(slot))
                                .map(Layout.NUMBER::decode)
                                .ifPresent(id -> found.add(BpfMap.byId(id)));
                    }
                }
            }
        } else {
            neighbourPins(name).forEach(pin -> found.add(BpfMap.pinned(pin)));
        }
        return found;
    }

    /** At most one is there: what is pinned is in force. */
    private List<Path> neighbourPins(String name) {
        Matcher matcher = NAME.matcher(name);
        if (!matcher.matches()) {
            return List.of();
        }
        int layout = Integer.parseInt(matcher.group(2));
        return Stream.of(layout - 1, layout + 1)
                .map(number -> directory.resolve(matcher.group(1) + "_v" + number))
                .filter(Files::exists)
                .toList();
    }

    private List<Path> all() {
        try (Stream<Path> pins = Files.list(directory)) {
            return pins.toList();
        } catch (IOException e) {
            throw new UncheckedIOException("list the maps in " + directory, e);
        }
    }

    private static void move(Path from, Path to) {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new UncheckedIOException("pin " + to, e);
        }
    }

    private static void delete(Path pin) {
        try {
            Files.deleteIfExists(pin);
        } catch (IOException e) {
            throw new UncheckedIOException("remove the pin " + pin, e);
        }
    }
}

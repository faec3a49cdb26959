package io.pilus.model;

import io.pilus.contract.v1.PortRange;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** The classes of ports that no rule of a list tells apart, and the prefixes that lead to them. Class 0 is named by no rule. */
final class PortClasses {

    static final int LIMIT = 0xffff;

    private static final int PORTS = 0x10000;

    private final Map<PortKey, Integer> prefixes = new LinkedHashMap<>();
    private final Map<List<PortRange>, Integer> groups = new HashMap<>();
    private final List<PolicyRule> firstOfGroup = new ArrayList<>();
    private final Map<BitSet, Integer> classes = new LinkedHashMap<>();
    private final int[][] classesOfPlace;

    PortClasses(List<PolicyRule> rules) {
        for (PolicyRule rule : rules) {
            if (!rule.ports().isEmpty() && groups.putIfAbsent(rule.ports(), groups.size()) == null) {
                firstOfGroup.add(rule);
            }
        }
        classes.put(new BitSet(), 0);
        Map<Integer, TreeMap<Integer, List<Integer>>> starts = new TreeMap<>();
        Map<Integer, TreeMap<Integer, List<Integer>>> ends = new TreeMap<>();
        groups.forEach((ports, group) -> {
            for (PortRange range : ports) {
                int protocol = range.getProtocolValue();
                at(starts, protocol, range.getFirst()).add(group);
                at(ends, protocol, range.getLast() + 1).add(group);
            }
        });
        starts.forEach((protocol, byPort) -> classify(protocol, byPort, ends.getOrDefault(protocol, new TreeMap<>())));
        int[] all = IntStream.range(0, classes.size()).toArray();
        List<int[]> classesOfGroup = new ArrayList<>();
        for (int group = 0; group < groups.size(); group++) {
            int g = group;
            classesOfGroup.add(classes.entrySet().stream()
                    .filter(entry -> entry.getKey().get(g))
                    .mapToInt(Map.Entry::getValue)
                    .toArray());
        }
        classesOfPlace = new int[rules.size()][];
        for (PolicyRule rule : rules) {
            classesOfPlace[rule.place()] =
                    rule.ports().isEmpty() ? all : classesOfGroup.get(groups.getOrDefault(rule.ports(), 0));
        }
    }

    /** How many classes there are, class 0 included. */
    int count() {
        return classes.size();
    }

    Map<PortKey, Integer> prefixes() {
        return prefixes;
    }

    /** The classes of the ports that the rule names; all where it names none. */
    int[] of(PolicyRule rule) {
        return classesOfPlace[rule.place()];
    }

    private static List<Integer> at(Map<Integer, TreeMap<Integer, List<Integer>>> events, int protocol, int port) {
        return events.computeIfAbsent(protocol, _ -> new TreeMap<>()).computeIfAbsent(port, _ -> new ArrayList<>());
    }

    /** Walks a protocol's ports upwards; between two events no rule tells ports apart. */
    private void classify(int protocol, TreeMap<Integer, List<Integer>> starts, TreeMap<Integer, List<Integer>> ends) {
        TreeMap<Integer, Integer> classFrom = new TreeMap<>();
        int[] open = new int[groups.size()];
        BitSet signature = new BitSet();
        BitSet whole = null;
        TreeMap<Integer, Boolean> borders = new TreeMap<>();
        borders.put(0, true);
        starts.keySet().forEach(port -> borders.put(port, true));
        ends.keySet().forEach(port -> borders.put(port, true));
        for (int port : borders.keySet()) {
            if (port >= PORTS) {
                break;
            }
            for (int group : ends.getOrDefault(port, List.of())) {
                if (--open[group] == 0) {
                    signature.clear(group);
                }
            }
            for (int group : starts.getOrDefault(port, List.of())) {
                if (open[group]++ == 0) {
                    signature.set(group);
                }
            }
            classFrom.put(port, classOf(signature));
            if (whole == null) {
                whole = (BitSet) signature.clone();
            } else {
                whole.and(signature);
            }
        }
        int base = whole == null ? 0 : classOf(whole);
        if (base != 0) {
            prefixes.put(new PortKey(protocol, 0, 0), base);
        }
        int first = 0;
        int current = classFrom.firstEntry().getValue();
        for (Map.Entry<Integer, Integer> next : classFrom.tailMap(1).entrySet()) {
            if (next.getValue() != current) {
                cover(protocol, first, next.getKey() - 1, current, base);
                first = next.getKey();
                current = next.getValue();
            }
        }
        cover(protocol, first, PORTS - 1, current, base);
    }

    private int classOf(BitSet signature) {
        Integer known = classes.get(signature);
        if (known != null) {
            return known;
        }
        if (classes.size() > LIMIT) {
            throw new TooManyException(firstOfGroup.get(signature.length() - 1).ref(), "classes of ports", LIMIT);
        }
        classes.put((BitSet) signature.clone(), classes.size());
        return classes.size() - 1;
    }

    /** The fewest prefixes that cover first..last. */
    private void cover(int protocol, int first, int last, int portClass, int base) {
        if (portClass == base) {
            return;
        }
        int at = first;
        while (at <= last) {
            int bits = at == 0 ? 16 : Integer.numberOfTrailingZeros(at);
            while (at + (1 << bits) - 1 > last) {
                bits--;
            }
            prefixes.put(new PortKey(protocol, at, 16 - bits), portClass);
            at += 1 << bits;
        }
    }
}

package io.pilus.model;

import io.pilus.contract.v1.PortRange;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
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
        Map<Integer, List<Border>> borders = new TreeMap<>();
        groups.forEach((ranges, group) -> ranges.forEach(range -> {
            List<Border> ofProtocol = borders.computeIfAbsent(range.getProtocolValue(), _ -> new ArrayList<>());
            ofProtocol.add(new Border(range.getFirst(), group, 1));
            ofProtocol.add(new Border(range.getLast() + 1, group, -1));
        }));
        borders.forEach(this::classify);
        int[] all = IntStream.range(0, classes.size()).toArray();
        List<int[]> classesOfGroup = ClassesOfGroups.of(classes, groups.size());
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

    /** Where a range of a group begins (1) or where the first port behind it is (-1). */
    private record Border(int port, int group, int step) {}

    /** Walks a protocol's ports upwards; between two borders no rule tells ports apart. */
    private void classify(int protocol, List<Border> borders) {
        borders.sort(Comparator.comparingInt(Border::port));
        NavigableMap<Integer, Integer> classFrom = new TreeMap<>();
        int[] open = new int[groups.size()];
        BitSet signature = new BitSet();
        BitSet whole = null;
        int at = 0;
        for (int port = 0;
                port < PORTS;
                port = at < borders.size() ? borders.get(at).port() : PORTS) {
            for (; at < borders.size() && borders.get(at).port() == port; at++) {
                Border border = borders.get(at);
                open[border.group()] += border.step();
                signature.set(border.group(), open[border.group()] > 0);
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
        for (Map.Entry<Integer, Integer> next : classFrom.tailMap(1, true).entrySet()) {
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

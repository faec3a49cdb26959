package io.pilus.model;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.Prefix;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The classes of addresses that no rule of a list tells apart, found by longest prefix. Class 0 is named by no rule. Each
 * distinct union of blocks in a rule is one group; a class is the set of groups that hold the address.
 */
final class AddressClasses {

    static final int LIMIT = 0xffff;

    private static final Prefix ALL_IPV4 =
            Prefix.newBuilder().setAddress(ByteString.copyFrom(new byte[4])).build();

    private final Map<Prefix, Integer> prefixes = new LinkedHashMap<>();
    private final Map<Set<String>, Integer> groups = new HashMap<>();
    private final List<PolicyRule> firstOfGroup = new ArrayList<>();
    private final Map<BitSet, Integer> classes = new LinkedHashMap<>();
    private final List<int[]> classesOfGroup;

    AddressClasses(List<PolicyRule> rules, Map<String, Addresses> blocks) {
        classes.put(new BitSet(), 0);
        for (PolicyRule rule : rules) {
            register(rule, rule.managedBlocks());
            register(rule, rule.unmanagedBlocks());
        }
        if (!groups.isEmpty()) {
            classify(blocks);
        }
        classesOfGroup = ClassesOfGroups.of(classes, groups.size());
    }

    boolean isEmpty() {
        return groups.isEmpty();
    }

    Map<Prefix, Integer> prefixes() {
        return prefixes;
    }

    /** The classes of the addresses in this union of blocks. */
    int[] of(Set<String> blocks) {
        Integer group = groups.get(blocks);
        return group == null ? new int[0] : classesOfGroup.get(group);
    }

    private void register(PolicyRule rule, Set<String> blocks) {
        if (!blocks.isEmpty() && groups.putIfAbsent(blocks, groups.size()) == null) {
            firstOfGroup.add(rule);
        }
    }

    private void classify(Map<String, Addresses> blocks) {
        List<Block> all = new ArrayList<>();
        groups.forEach((setIds, group) -> {
            for (String id : setIds) {
                Addresses addresses = blocks.get(id);
                if (addresses != null
                        && addresses.getExceptList().stream()
                                .noneMatch(except -> Prefixes.contains(except, addresses.getCidr()))) {
                    all.add(new Block(group, addresses));
                }
            }
        });
        Map<Prefix, Borders> borders = new HashMap<>();
        for (Block block : all) {
            borders.computeIfAbsent(block.addresses.getCidr(), Borders::new)
                    .begins
                    .add(block);
            for (Prefix except : block.addresses.getExceptList()) {
                borders.computeIfAbsent(except, Borders::new).excepts.add(block);
            }
        }
        // IPv4 lies inside ::/0 in the datapath's trie; a rule for ::/0 does not mean it
        borders.computeIfAbsent(ALL_IPV4, Borders::new);

        List<Borders> outerFirst = new ArrayList<>(borders.values());
        outerFirst.sort((a, b) -> {
            int byAddress = Arrays.compareUnsigned(a.start, b.start);
            return byAddress != 0 ? byAddress : Integer.compare(a.length, b.length);
        });
        Deque<Frame> outer = new ArrayDeque<>();
        for (Borders border : outerFirst) {
            while (!outer.isEmpty() && !outer.peek().border.holds(border)) {
                outer.pop();
            }
            Frame parent = border.prefix.equals(ALL_IPV4) ? null : outer.peek();
            Frame frame = new Frame(border, parent, groups.size());
            int addressClass = classOf(frame.signature);
            int inherited = outer.isEmpty() ? 0 : outer.peek().addressClass;
            frame.addressClass = addressClass;
            if (addressClass != inherited) {
                prefixes.put(border.prefix, addressClass);
            }
            outer.push(frame);
        }
    }

    private int classOf(BitSet signature) {
        Integer known = classes.get(signature);
        if (known != null) {
            return known;
        }
        if (classes.size() > LIMIT) {
            throw new TooManyException(firstOfGroup.get(signature.length() - 1).ref(), "classes of addresses", LIMIT);
        }
        classes.put((BitSet) signature.clone(), classes.size());
        return classes.size() - 1;
    }

    /** One {@code cidr} less {@code except} of a group; equal only to itself. */
    private static final class Block {
        final int group;
        final Addresses addresses;

        Block(int group, Addresses addresses) {
            this.group = group;
            this.addresses = addresses;
        }
    }

    /** What begins or stops to hold inside a prefix. */
    private static final class Borders {
        final Prefix prefix;
        final byte[] start;
        final int length;
        final List<Block> begins = new ArrayList<>();
        final List<Block> excepts = new ArrayList<>();

        Borders(Prefix prefix) {
            this.prefix = prefix;
            this.start = Prefixes.mapped(prefix.getAddress());
            this.length = Prefixes.mappedLength(prefix);
        }

        boolean holds(Borders inner) {
            return length <= inner.length
                    && Arrays.equals(
                            Prefixes.mask(ByteString.copyFrom(inner.start), length)
                                    .getAddress()
                                    .toByteArray(),
                            start);
        }
    }

    /** The blocks that hold the addresses of a prefix which no longer prefix holds. */
    private static final class Frame {
        final Borders border;
        final Set<Block> live = new HashSet<>();
        final BitSet signature;
        int addressClass;

        Frame(Borders border, @Nullable Frame parent, int groups) {
            this.border = border;
            if (parent != null) {
                live.addAll(parent.live);
            }
            live.addAll(border.begins);
            border.excepts.forEach(live::remove);
            this.signature = new BitSet(groups);
            live.forEach(block -> signature.set(block.group));
        }
    }
}

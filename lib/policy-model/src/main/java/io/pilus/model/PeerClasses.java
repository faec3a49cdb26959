package io.pilus.model;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The classes of peers that no rule of a list tells apart. Each distinct union of sets in a rule is one group; a class is the
 * set of groups that hold the identity. The groups stay as they are while identities come and go.
 */
final class PeerClasses {

    /** An identity that the node does not know. */
    static final int UNRESOLVED = 0;

    /** Known, and no rule tells it apart. */
    static final int CLUSTER = 1;

    /** The node itself, whatever the rules say. */
    static final int HOST = 2;

    static final int LIMIT = 0xffff;

    private final Map<Set<String>, Integer> groups = new HashMap<>();
    private final Map<String, BitSet> groupsOfSet = new HashMap<>();
    private final List<List<PolicyRule>> rulesOfGroup = new ArrayList<>();
    private final Map<BitSet, Integer> classes = new LinkedHashMap<>();
    private int next = HOST + 1;

    PeerClasses(List<PolicyRule> rules) {
        classes.put(new BitSet(), CLUSTER);
        for (PolicyRule rule : rules) {
            if (rule.identitySets().isEmpty()) {
                continue;
            }
            int group = groups.computeIfAbsent(rule.identitySets(), this::newGroup);
            rulesOfGroup.get(group).add(rule);
        }
    }

    Set<String> sets() {
        return groupsOfSet.keySet();
    }

    /** The groups that an identity in these sets is in. */
    BitSet signature(Collection<String> setIds) {
        BitSet signature = new BitSet();
        for (String setId : setIds) {
            BitSet of = groupsOfSet.get(setId);
            if (of != null) {
                signature.or(of);
            }
        }
        return signature;
    }

    /** Null when the class would be new. */
    @Nullable
    Integer classOf(BitSet signature) {
        return classes.get(signature);
    }

    Map<BitSet, Integer> classes() {
        return classes;
    }

    /** The rules that name a group of the signature. */
    List<PolicyRule> rules(BitSet signature) {
        List<PolicyRule> rules = new ArrayList<>();
        signature.stream().forEach(group -> rules.addAll(rulesOfGroup.get(group)));
        return rules;
    }

    /**
     * @throws TooManyException when no number is left
     */
    int add(BitSet signature) {
        if (next > LIMIT) {
            throw new TooManyException(
                    rulesOfGroup.get(signature.length() - 1).getFirst().ref(), "classes of peers", LIMIT);
        }
        classes.put((BitSet) signature.clone(), next);
        return next++;
    }

    private int newGroup(Set<String> setIds) {
        int group = rulesOfGroup.size();
        rulesOfGroup.add(new ArrayList<>());
        setIds.forEach(
                setId -> groupsOfSet.computeIfAbsent(setId, _ -> new BitSet()).set(group));
        return group;
    }
}

package io.pilus.model;

import io.pilus.contract.Identities;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The rules of a list in order of precedence, each with its cell. The place of a rule is its index: the lower decides. */
final class RankedRules {

    /** A node always reaches its own pods and they it ({@link Identities#HOST}). */
    static final long NODE_CELL = Cell.of(0, CellAction.NODE, 0, 0);

    /** 0 is the node's, {@link Cell#LAST_RANK} the defaults'. */
    static final int LIMIT = Cell.LAST_RANK - 1;

    private static final Comparator<PolicyRule> PRECEDENCE = Comparator.comparingInt(PolicyRule::tier)
            .thenComparingLong(PolicyRule::priority)
            .thenComparing(PolicyRule::allow)
            .thenComparingInt(PolicyRule::place);

    private final List<PolicyRule> rules = new ArrayList<>();
    private final long[] cells;
    private final Map<Direction, Long> defaults = new EnumMap<>(Direction.class);
    private final Map<Integer, RuleRef> byNumber = new TreeMap<>();
    private final List<PolicyRule> everyPeer = new ArrayList<>();
    private final List<PolicyRule> unresolved = new ArrayList<>();

    RankedRules(List<PolicyRule> unordered, Map<Direction, Isolation> isolations, RuleNumbers numbers) {
        List<PolicyRule> ordered = unordered.stream().sorted(PRECEDENCE).toList();
        cells = new long[ordered.size()];
        int rank = 0;
        for (int place = 0; place < cells.length; place++) {
            PolicyRule rule = ordered.get(place).at(place);
            if (place == 0 || !sameRank(rule, rules.get(place - 1))) {
                rank++;
                if (rank > LIMIT) {
                    throw new TooManyException(rule.ref(), "priorities", LIMIT);
                }
            }
            rules.add(rule);
            cells[place] = Cell.of(
                    rank, rule.allow() ? CellAction.ALLOW : CellAction.DENY, rule.tier(), number(numbers, rule.ref()));
            if (rule.anyPeer()) {
                everyPeer.add(rule);
            } else if (!rule.allow() && !rule.identitySets().isEmpty()) {
                unresolved.add(rule);
            }
        }
        for (Direction direction : Direction.values()) {
            Isolation isolation = isolations.get(direction);
            defaults.put(
                    direction,
                    isolation == null
                            ? Cell.of(Cell.LAST_RANK, CellAction.DEFAULT_ALLOW, 0, 0)
                            : Cell.of(
                                    Cell.LAST_RANK,
                                    CellAction.DEFAULT_DENY,
                                    isolation.tier(),
                                    number(numbers, isolation.ref())));
        }
    }

    /** The document by which a direction is isolated. */
    record Isolation(int tier, RuleRef ref) {}

    List<PolicyRule> all() {
        return rules;
    }

    long cell(int place) {
        return cells[place];
    }

    long defaultCell(Direction direction) {
        return defaults.getOrDefault(direction, Cell.NONE);
    }

    List<PolicyRule> ofEveryPeer() {
        return everyPeer;
    }

    /** What an unknown identity may turn out to be in: every set that a rule denies, and none that a rule allows. */
    List<PolicyRule> ofUnresolved() {
        return unresolved;
    }

    Map<Integer, RuleRef> byNumber() {
        return byNumber;
    }

    private int number(RuleNumbers numbers, RuleRef ref) {
        int number = numbers.of(ref);
        byNumber.put(number, ref);
        return number;
    }

    private static boolean sameRank(PolicyRule one, PolicyRule other) {
        return one.tier() == other.tier() && one.priority() == other.priority();
    }
}

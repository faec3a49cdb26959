package io.pilus.model;

import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.PortRange;
import io.pilus.contract.v1.Protocol;
import io.pilus.contract.v1.Rule;
import io.pilus.contract.v1.Tier;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Turns the policies of a subject into its verdict table. */
public final class TableCompiler {

    private final PeerView view;
    private final RuleNumbers numbers;
    private final List<PolicyRule> rules = new ArrayList<>();
    private final Map<String, Addresses> blocks = new HashMap<>();
    private final Map<Direction, RankedRules.Isolation> isolations = new EnumMap<>(Direction.class);

    private TableCompiler(PeerView view, RuleNumbers numbers) {
        this.view = view;
        this.numbers = numbers;
    }

    /**
     * @param policies in the order of their documents; may be empty, which allows everything
     */
    public static Compilation compile(List<AppliedPolicy> policies, PeerView view, RuleNumbers numbers) {
        return new TableCompiler(view, numbers).compile(policies);
    }

    private Compilation compile(List<AppliedPolicy> policies) {
        for (AppliedPolicy applied : policies) {
            CompiledPolicy policy = applied.policy();
            if (policy.getTier() == Tier.TIER_UNSPECIFIED || policy.getTier() == Tier.UNRECOGNIZED) {
                return new Compilation.NotUnderstood(applied.ref(""), "its tier is not known to this version");
            }
            isolate(applied, Direction.INGRESS, policy.getIsolatesIngress());
            isolate(applied, Direction.EGRESS, policy.getIsolatesEgress());
            for (Rule rule : policy.getRulesList()) {
                String trouble = read(applied, rule);
                if (trouble != null) {
                    return new Compilation.NotUnderstood(applied.ref(rule.getPath()), trouble);
                }
            }
        }
        // a document that isolates is final: what stands in the tiers behind it is not reached
        rules.removeIf(rule -> {
            RankedRules.Isolation isolation = isolations.get(rule.direction());
            return isolation != null && rule.tier() > isolation.tier();
        });
        try {
            var ranked = new RankedRules(rules, isolations, numbers);
            var addresses = new AddressClasses(ranked.all(), blocks);
            var table =
                    new VerdictTable(ranked, new PortClasses(ranked.all()), addresses, new PeerClasses(ranked.all()));
            table.fill(view, addresses);
            return new Compilation.Compiled(table);
        } catch (TooManyException e) {
            return new Compilation.TooMany(e.document, e.what, e.limit);
        }
    }

    private void isolate(AppliedPolicy applied, Direction direction, boolean isolates) {
        RankedRules.Isolation known = isolations.get(direction);
        int tier = applied.policy().getTierValue();
        if (isolates && (known == null || tier < known.tier())) {
            isolations.put(direction, new RankedRules.Isolation(tier, applied.ref(RuleRef.defaultDeny(direction))));
        }
    }

    /** What keeps this version from applying the rule, or null. */
    private @Nullable String read(AppliedPolicy applied, Rule rule) {
        Direction direction = switch (rule.getDirection()) {
            case DIRECTION_INGRESS -> Direction.INGRESS;
            case DIRECTION_EGRESS -> Direction.EGRESS;
            case DIRECTION_UNSPECIFIED, UNRECOGNIZED -> null;
        };
        if (direction == null) {
            return "its direction is not known to this version";
        }
        if (rule.getAction() != Action.ACTION_ALLOW && rule.getAction() != Action.ACTION_DENY) {
            return "its action is not known to this version";
        }
        Set<String> identitySets = new TreeSet<>();
        Set<String> managed = new TreeSet<>();
        Set<String> unmanaged = new TreeSet<>();
        for (String setId : rule.getPeerSetsList()) {
            Addresses addresses = view.addresses(setId);
            if (addresses != null) {
                blocks.put(setId, addresses);
                (addresses.getUnmanagedOnly() ? unmanaged : managed).add(setId);
            } else if (view.identities(setId) != null) {
                identitySets.add(setId);
            } else {
                return "its peer set " + setId + " is not here";
            }
        }
        for (PortRange range : rule.getPortsList()) {
            if (range.getProtocol() == Protocol.PROTOCOL_UNSPECIFIED || range.getProtocol() == Protocol.UNRECOGNIZED) {
                return "its protocol is not known to this version";
            }
            if (range.getFirst() < 0 || range.getFirst() > range.getLast() || range.getLast() > 0xffff) {
                return "its ports " + range.getFirst() + ".." + range.getLast() + " are no range";
            }
        }
        boolean peerless = !rule.getAnyPeer() && rule.getPeerSetsCount() == 0;
        if (!rule.getNoPort() && !peerless) {
            rules.add(new PolicyRule(
                    applied.ref(rule.getPath()),
                    direction,
                    rule.getAction() == Action.ACTION_ALLOW,
                    applied.policy().getTierValue(),
                    Integer.toUnsignedLong(applied.policy().getPriority()),
                    rules.size(),
                    rule.getAnyPeer(),
                    identitySets,
                    managed,
                    unmanaged,
                    rule.getPortsList().stream()
                            .distinct()
                            .sorted(Comparator.comparingInt(PortRange::getProtocolValue)
                                    .thenComparingInt(PortRange::getFirst)
                                    .thenComparingInt(PortRange::getLast))
                            .toList()));
        }
        return null;
    }
}

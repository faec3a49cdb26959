package io.pilus.model.reference;

import io.pilus.contract.Identities;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.PortRange;
import io.pilus.contract.v1.Rule;
import io.pilus.contract.v1.Tier;
import io.pilus.model.AppliedPolicy;
import io.pilus.model.CellAction;
import io.pilus.model.Direction;
import io.pilus.model.PeerView;
import io.pilus.model.PortKey;
import io.pilus.model.RuleRef;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Walks all rules for one packet. It shares no code with the table compiler, so that each can convict the other: property
 * tests, the tests of the datapath and {@code explain} compare them.
 */
public final class NaiveEvaluator {

    private NaiveEvaluator() {}

    /** A rule that matches; of two the one that sorts first decides. */
    private record Match(Tier tier, int priority, boolean deny, boolean byAddress, int order, RuleRef ref) {
        static final Comparator<Match> DECIDING_FIRST = Comparator.comparing(Match::tier)
                .thenComparing(Match::priority, Integer::compareUnsigned)
                .thenComparing(match -> !match.deny())
                .thenComparing(Match::byAddress)
                .thenComparingInt(Match::order);
    }

    /**
     * @param policies of the subject, in the order of their documents
     */
    public static Ruling judge(List<AppliedPolicy> policies, PeerView view, Packet packet) {
        if (packet.identity() == Identities.HOST) {
            return new Ruling(CellAction.NODE, Optional.empty());
        }
        Optional<AppliedPolicy> isolating = policies.stream()
                .filter(applied -> isolates(applied.policy(), packet.direction()))
                .min(Comparator.comparing(applied -> applied.policy().getTier()));
        List<Match> matches = new ArrayList<>();
        int order = 0;
        for (AppliedPolicy applied : policies) {
            CompiledPolicy policy = applied.policy();
            boolean reached = isolating.isEmpty()
                    || policy.getTier().compareTo(isolating.get().policy().getTier()) <= 0;
            for (Rule rule : policy.getRulesList()) {
                order++;
                if (reached && directionMatches(rule, packet.direction()) && portMatches(rule, packet)) {
                    boolean byPeer = peerMatches(rule, view, packet);
                    if (byPeer || addressMatches(rule, view, packet)) {
                        matches.add(new Match(
                                policy.getTier(),
                                policy.getPriority(),
                                rule.getAction() == Action.ACTION_DENY,
                                !byPeer,
                                order,
                                ref(policy, rule.getPath())));
                    }
                }
            }
        }
        Optional<Match> decisive = matches.stream().min(Match.DECIDING_FIRST);
        if (decisive.isPresent()) {
            CellAction action = decisive.get().deny() ? CellAction.DENY : CellAction.ALLOW;
            return new Ruling(action, Optional.of(decisive.get().ref()));
        }
        return isolating
                .map(applied -> new Ruling(
                        CellAction.DEFAULT_DENY,
                        Optional.of(ref(applied.policy(), RuleRef.defaultDeny(packet.direction())))))
                .orElse(new Ruling(CellAction.DEFAULT_ALLOW, Optional.empty()));
    }

    private static RuleRef ref(CompiledPolicy policy, String path) {
        return new RuleRef(policy.getKind(), policy.getNamespace(), policy.getName(), path);
    }

    private static boolean isolates(CompiledPolicy policy, Direction direction) {
        return direction == Direction.INGRESS ? policy.getIsolatesIngress() : policy.getIsolatesEgress();
    }

    private static boolean directionMatches(Rule rule, Direction direction) {
        return rule.getDirectionValue() == direction.code();
    }

    private static boolean portMatches(Rule rule, Packet packet) {
        if (rule.getNoPort()) {
            return false;
        }
        if (rule.getPortsCount() == 0) {
            return true;
        }
        for (PortRange range : rule.getPortsList()) {
            if (range.getProtocolValue() == PortKey.protocol(packet.protocol())
                    && range.getFirst() <= packet.port()
                    && packet.port() <= range.getLast()) {
                return true;
            }
        }
        return false;
    }

    private static boolean peerMatches(Rule rule, PeerView view, Packet packet) {
        if (rule.getAnyPeer()) {
            return true;
        }
        boolean unresolved = !packet.known() && !Identities.isReserved(packet.identity());
        for (String setId : rule.getPeerSetsList()) {
            var members = view.identities(setId);
            if (members == null) {
                continue;
            }
            // who is not known may be anybody: a denial may mean it, an allowance must not
            if (unresolved ? rule.getAction() == Action.ACTION_DENY : members.contains(packet.identity())) {
                return true;
            }
        }
        return false;
    }

    private static boolean addressMatches(Rule rule, PeerView view, Packet packet) {
        for (String setId : rule.getPeerSetsList()) {
            @Nullable Addresses block = view.addresses(setId);
            if (block != null
                    && Prefixes.contains(block.getCidr(), packet.address())
                    && block.getExceptList().stream().noneMatch(e -> Prefixes.contains(e, packet.address()))
                    && !(block.getUnmanagedOnly() && packet.managed())) {
                return true;
            }
        }
        return false;
    }
}

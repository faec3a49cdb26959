package io.pilus.policy.rule;

import io.pilus.contract.v1.Direction;
import io.pilus.contract.v1.Tier;
import java.util.List;
import java.util.Set;

/**
 * A policy document in the one model that all dialects are read into.
 *
 * @param subject the pods to which it applies
 * @param isolates the directions in which a subject may do only what some rule allows
 */
public record Policy(
        DocumentName name,
        Tier tier,
        int priority,
        PodSelector subject,
        Set<Direction> isolates,
        List<PolicyRule> rules) {

    public Policy {
        isolates = Set.copyOf(isolates);
        rules = List.copyOf(rules);
    }

    /** Whether a rule of this direction names a port. */
    public boolean namesPorts(Direction direction) {
        return rules.stream().anyMatch(rule -> rule.direction() == direction && rule.namesPorts());
    }

    /** The named ports that its rules of this direction name. */
    public List<Port.Named> namedPorts(Direction direction) {
        return rules.stream()
                .filter(rule -> rule.direction() == direction)
                .flatMap(rule -> rule.ports().stream())
                .filter(Port.Named.class::isInstance)
                .map(Port.Named.class::cast)
                .distinct()
                .sorted()
                .toList();
    }
}

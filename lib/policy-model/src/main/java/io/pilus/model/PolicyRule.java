package io.pilus.model;

import io.pilus.contract.v1.PortRange;
import java.util.List;
import java.util.Set;

/**
 * A rule that can match something, with its place among the rules of the list.
 *
 * @param identitySets and {@code managedBlocks}, {@code unmanagedBlocks}: the peers are the union of all
 * @param managedBlocks address sets that judge whoever holds the address
 * @param unmanagedBlocks address sets that judge only addresses which Pilus does not manage
 * @param place its index among the rules: in the order of documents, then, in {@link RankedRules}, in that of precedence
 * @param ports empty for all
 */
record PolicyRule(
        RuleRef ref,
        Direction direction,
        boolean allow,
        int tier,
        long priority,
        int place,
        boolean anyPeer,
        Set<String> identitySets,
        Set<String> managedBlocks,
        Set<String> unmanagedBlocks,
        List<PortRange> ports) {

    PolicyRule at(int newPlace) {
        return new PolicyRule(
                ref,
                direction,
                allow,
                tier,
                priority,
                newPlace,
                anyPeer,
                identitySets,
                managedBlocks,
                unmanagedBlocks,
                ports);
    }
}

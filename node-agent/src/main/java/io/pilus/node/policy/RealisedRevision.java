package io.pilus.node.policy;

import java.util.Collection;
import java.util.function.IntPredicate;

/**
 * Up to which revision of {@code cluster/} others may take it that this node has followed. A number that was freed must not be given
 * again while a pod here still has it, or is about to get it: so this stands still while one has a number whose policies are withdrawn.
 */
final class RealisedRevision {

    private long revision;

    long revision() {
        return revision;
    }

    /**
     * The kernel reflects what has been seen.
     *
     * @param seen the revision of {@code cluster/} that the node has come to
     * @param used the identities that pods here have, or are about to get
     * @param known whether the policies of an identity are here
     */
    void settle(long seen, Collection<Integer> used, IntPredicate known) {
        if (used.stream().allMatch(known::test)) {
            revision = seen;
        }
    }
}

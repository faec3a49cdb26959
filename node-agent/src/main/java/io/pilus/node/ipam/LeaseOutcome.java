package io.pilus.node.ipam;

import io.pilus.contract.Family;

/** What became of the wish for addresses. */
public sealed interface LeaseOutcome {

    /**
     * The addresses are the holder's and are on disk.
     *
     * @param repeated whether they were before
     */
    record Leased(Lease lease, boolean repeated) implements LeaseOutcome {}

    /** No address is left on this node; {@link LeaseBook#demand} asks for more, so a later try may succeed. */
    record Exhausted(String pool, Family family, String detail) implements LeaseOutcome {}

    /** No pool of this name is known here. */
    record UnknownPool(String pool, String detail) implements LeaseOutcome {}

    /** The pool has no addresses of this family. */
    record NoSuchFamily(String pool, Family family, String detail) implements LeaseOutcome {}
}

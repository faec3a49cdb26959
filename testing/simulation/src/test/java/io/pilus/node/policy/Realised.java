package io.pilus.node.policy;

import java.util.Collection;
import java.util.function.IntPredicate;

/** Up to which revision a simulated node has followed. */
public final class Realised {

    private final RealisedRevision revision = new RealisedRevision();

    public long revision() {
        return revision.revision();
    }

    public void settle(long seen, Collection<Integer> used, IntPredicate known) {
        revision.settle(seen, used, known);
    }
}

package io.pilus.node.state;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a revision changed in what this node knew.
 *
 * @param gone the entries as they were
 */
public record Delta(long revision, List<Put> puts, List<Entry> gone) {
    public Delta {
        puts = List.copyOf(puts);
        gone = List.copyOf(gone);
    }

    /**
     * A key that was written.
     *
     * @param before null when it is new
     */
    public record Put(Entry now, @Nullable Entry before) {}
}

package io.pilus.node.state;

import java.util.List;

/**
 * One revision of a sub-tree: everything that it put and deleted.
 *
 * @param gone keys
 */
record Update(long revision, List<Entry> puts, List<String> gone) {
    Update {
        puts = List.copyOf(puts);
        gone = List.copyOf(gone);
    }
}

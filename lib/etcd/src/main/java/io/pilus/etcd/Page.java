package io.pilus.etcd;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Some of the values of a range, all as of one revision.
 *
 * @param revision ask for the following page at this revision
 * @param next the first key of the following page, or null when this was the last
 */
public record Page<M>(
        List<Versioned<M>> items, long revision, @Nullable String next) {
    public Page {
        items = List.copyOf(items);
    }
}

package io.pilus.rest;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.google.protobuf.MessageLite;
import io.pilus.contract.KeyRange;
import io.pilus.etcd.Page;
import io.pilus.etcd.Versioned;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One page of a list, as clients see it.
 *
 * @param next what to give as {@code from} for the following page; absent on the last one
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record PageView<V>(List<V> items, @Nullable String next) {

    public PageView {
        items = List.copyOf(items);
    }

    /** A page of a range, each value as {@code view} shows it. */
    public static <M extends MessageLite, V> PageView<V> of(
            Page<M> page, KeyRange<M> range, Function<Versioned<M>, V> view) {
        String next = page.next() == null
                ? null
                : page.items().getLast().key().substring(range.prefix().length());
        return new PageView<>(page.items().stream().map(view).toList(), next);
    }
}

package io.pilus.node.report;

import com.google.protobuf.MessageLite;
import io.pilus.contract.Key;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.TransactionResult;
import io.pilus.node.state.Entry;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Writes keys that only this node writes. Each write compares the key with what this node saw or wrote of it last, so
 * that a late write never follows a newer one; one that fails is tried again when the view has caught up.
 */
final class Report {

    private final EtcdStore store;

    /** Revisions of this process' own writes that the view may not show yet. */
    private final Map<String, Long> written = new ConcurrentHashMap<>();

    Report(EtcdStore store) {
        this.store = store;
    }

    /**
     * @param seen the key as the view shows it
     * @return the revision that wrote it; empty when somebody else was there, and the view must be looked at again
     */
    <M extends MessageLite> OptionalLong put(Key<M> key, Optional<Entry> seen, M value) {
        return commit(key, unchanged(key, seen).put(key, value));
    }

    /** As {@link #put}. */
    OptionalLong delete(Key<?> key, Optional<Entry> seen) {
        return commit(key, unchanged(key, seen).delete(key));
    }

    private Transaction unchanged(Key<?> key, Optional<Entry> seen) {
        long last = Math.max(seen.map(Entry::modRevision).orElse(0L), written.getOrDefault(key.path(), 0L));
        Transaction transaction = store.transaction();
        return last == 0 ? transaction.ifAbsent(key) : transaction.ifModRevision(key, last);
    }

    private OptionalLong commit(Key<?> key, Transaction transaction) {
        TransactionResult result = transaction.commit();
        if (!result.succeeded()) {
            // it may have been deleted, or written by an earlier life of this agent: begin with what is there
            store.getAll(List.of(key)).stream()
                    .filter(java.util.Objects::nonNull)
                    .findFirst()
                    .ifPresentOrElse(
                            now -> written.put(key.path(), now.modRevision()), () -> written.remove(key.path()));
            return OptionalLong.empty();
        }
        written.put(key.path(), result.revision());
        return OptionalLong.of(result.revision());
    }
}

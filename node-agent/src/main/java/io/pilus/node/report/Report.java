package io.pilus.node.report;

import com.google.protobuf.MessageLite;
import io.pilus.contract.Key;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.TransactionResult;
import io.pilus.etcd.Versioned;
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

    /** This process' own writes that the view may not show yet. */
    private final Map<String, Own> written = new ConcurrentHashMap<>();

    Report(EtcdStore store) {
        this.store = store;
    }

    /**
     * What is known of a key beside the view.
     *
     * @param gone whether it did not exist then
     */
    private record Own(long revision, boolean gone) {}

    /** The view shows everything up to there. */
    void seen(long revision) {
        written.values().removeIf(own -> own.revision() <= revision);
    }

    /**
     * @param seen the key as the view shows it
     * @return the revision that wrote it; empty when it was not as it was seen; the next attempt knows how it is
     */
    <M extends MessageLite> OptionalLong put(Key<M> key, Optional<Entry> seen, M value) {
        return commit(key, unchanged(key, seen).put(key, value), false);
    }

    /** As {@link #put}. */
    OptionalLong delete(Key<?> key, Optional<Entry> seen) {
        return commit(key, unchanged(key, seen).delete(key), true);
    }

    private Transaction unchanged(Key<?> key, Optional<Entry> seen) {
        long last = seen.map(Entry::modRevision).orElse(0L);
        Own own = written.get(key.path());
        if (own != null && own.revision() > last) {
            last = own.gone() ? 0 : own.revision();
        }
        Transaction transaction = store.transaction();
        return last == 0 ? transaction.ifAbsent(key) : transaction.ifModRevision(key, last);
    }

    private OptionalLong commit(Key<?> key, Transaction transaction, boolean deletes) {
        TransactionResult result = transaction.commit();
        if (!result.succeeded()) {
            // it may have been deleted, or written by an earlier life of this agent: begin with what is there
            Versioned<?> now = store.getAll(List.of(key)).getFirst();
            written.put(key.path(), now == null ? new Own(result.revision(), true) : new Own(now.modRevision(), false));
            return OptionalLong.empty();
        }
        written.put(key.path(), new Own(result.revision(), deletes));
        return OptionalLong.of(result.revision());
    }
}

package io.pilus.node.state;

import io.pilus.contract.KeyRange;
import io.pilus.etcd.StoreId;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * A sub-tree of the store as this node saw it last, in memory and on disk. What a store says that is not the known one
 * changes nothing: not a key is dropped because of it.
 *
 * <p>Not safe for use by several threads; whoever uses it holds {@link NodeState#lock}.
 */
final class Mirror implements Closeable {

    private static final Logger LOG = Logger.getLogger(Mirror.class);

    /** How long a disk that refused is left alone. */
    private static final Duration DISK_PAUSE = Duration.ofSeconds(30);

    private final String name;
    private final StateLog log;
    private final Clock clock;
    private final NavigableMap<String, Entry> entries = new TreeMap<>();
    private @Nullable StoreId store;
    private long revision;
    private boolean whole;
    private @Nullable String stranger;
    private @Nullable Restored restored;
    private @Nullable String diskFailure;
    private Instant diskRetry = Instant.MIN;

    /** The known store after a backup of it was put back: followed beside what is held, in memory alone, until that is adopted. */
    private static final class Restored {
        final StoreId store;
        final NavigableMap<String, Entry> entries = new TreeMap<>();
        long revision;

        Restored(StoreId store, long revision, List<Entry> all) {
            this.store = store;
            this.revision = revision;
            all.forEach(entry -> entries.put(entry.key(), entry));
        }

        void advance(Update update) {
            if (update.revision() > revision) {
                update.gone().forEach(entries::remove);
                update.puts().forEach(put -> entries.put(put.key(), put));
                revision = update.revision();
            }
        }
    }

    private Mirror(String name, StateLog.Opened opened, Clock clock) {
        this.name = name;
        this.log = opened.log();
        this.clock = clock;
        StateLog.Recovered recovered = opened.recovered();
        this.store = recovered.store();
        this.revision = recovered.revision();
        if (recovered.entries() != null) {
            entries.putAll(recovered.entries());
            whole = true;
        }
    }

    /**
     * Reads what is on disk.
     *
     * @param name for messages
     * @throws IOException when the disk refuses; damaged contents are cut, and never fatal
     */
    static Mirror open(String name, Path file, Clock clock) throws IOException {
        return new Mirror(name, StateLog.open(file), clock);
    }

    /** Whether it holds everything of some revision; before that, a missing key says nothing. */
    boolean whole() {
        return whole;
    }

    /** The newest revision that was seen; what is held is as of it, once {@link #whole}. */
    long revision() {
        return revision;
    }

    /** The store that is known, once there is one. */
    Optional<StoreId> store() {
        return Optional.ofNullable(store);
    }

    /** Why the store that answers now is not believed; empty while it is. */
    Optional<String> stranger() {
        return Optional.ofNullable(stranger);
    }

    /** What became of the known store when a backup was put back; empty unless that is what answers now. */
    Optional<StoreId> restored() {
        return restored == null ? Optional.empty() : Optional.of(restored.store);
    }

    /** A key of the restored store; of the known one when nothing was restored. */
    Optional<Entry> newest(String key) {
        return Optional.ofNullable((restored == null ? entries : restored.entries).get(key));
    }

    /**
     * Takes the restored store as the one that it knows, with all that it holds now.
     *
     * @return what changed by that; nothing when no restored store is followed
     */
    Optional<Delta> adopt() {
        Restored next = restored;
        if (next == null) {
            return Optional.empty();
        }
        store = next.store;
        stranger = null;
        restored = null;
        log.restart();
        return Optional.of(replace(next.revision, List.copyOf(next.entries.values())));
    }

    /** Why nothing is written to disk; empty while it is. */
    Optional<String> diskFailure() {
        return Optional.ofNullable(diskFailure);
    }

    NavigableMap<String, Entry> entries() {
        return Collections.unmodifiableNavigableMap(entries);
    }

    /** The entries of a range, in key order. */
    Collection<Entry> entries(KeyRange<?> range) {
        return entries()
                .subMap(range.prefix(), range.prefix() + Character.MAX_VALUE)
                .values();
    }

    /**
     * Takes everything under the prefix, as of a revision.
     *
     * @param from null when the store has no {@code epoch}
     * @return what changed, or nothing when the store is a stranger
     */
    Optional<Delta> replace(@Nullable StoreId from, long newRevision, List<Entry> all) {
        stranger = strangeness(from, newRevision);
        restored = null;
        if (stranger != null || from == null) {
            LOG.errorf("%s: %s", name, stranger);
            if (from != null && store != null && from.isRestorationOf(store) && newRevision > revision) {
                restored = new Restored(from, newRevision, all);
            }
            return Optional.empty();
        }
        store = from;
        return Optional.of(replace(newRevision, all));
    }

    private Delta replace(long newRevision, List<Entry> all) {
        var gone = new TreeMap<>(entries);
        List<Entry> puts = new ArrayList<>();
        for (Entry entry : all) {
            Entry before = gone.remove(entry.key());
            if (before == null || before.modRevision() != entry.modRevision()) {
                puts.add(entry);
            }
        }
        whole = true;
        return take(new Update(newRevision, puts, List.copyOf(gone.keySet())));
    }

    /**
     * Takes one revision that follows the last.
     *
     * @return what changed, or nothing when it is old or from a stranger
     */
    Optional<Delta> advance(Update update) {
        if (restored != null) {
            restored.advance(update);
        }
        if (stranger != null || !whole || update.revision() <= revision) {
            return Optional.empty();
        }
        return Optional.of(take(update));
    }

    /** Forces to the disk what is written. Some time after the disk has failed, all is written again, also when nothing changes. */
    void force() {
        StoreId known = store;
        try {
            if (diskFailure == null) {
                log.force();
            } else if (known != null && restored == null && !clock.instant().isBefore(diskRetry)) {
                log.snapshot(known, revision, entries.values());
                diskFailure = null;
            }
        } catch (IOException e) {
            failed(e);
        }
    }

    @Override
    public void close() throws IOException {
        log.close();
    }

    private @Nullable String strangeness(@Nullable StoreId from, long newRevision) {
        if (from == null) {
            return "the store has no key 'epoch', so it is not known to be Pilus' own: nothing is taken from it."
                    + " Start an identity-service, which writes it, or mend pilus.etcd.endpoints";
        }
        if (store != null && from.isRestorationOf(store)) {
            return newRevision > revision
                    ? "the store was restored from a backup (" + store + " is " + from
                            + " now): this node reports what it"
                            + " has, and keeps all of it until every registered node has reported and that is in the store"
                            + " again; the alarms of identity-service and ipam-service say what is missing"
                    : "the store was restored from a backup to revision " + newRevision + ", this node has seen "
                            + revision + ": everything is kept as it was. Restore with a higher --bump-revision";
        }
        if (store != null && !store.equals(from)) {
            return "the store is " + from + ", this node knows " + store + ": everything is kept as it was. "
                    + "Put the known store back, or a backup of it by 'pilus restore'; or, if this one is meant, remove cluster.state and node.state from pilus.node.state-dir and restart the agent";
        }
        if (store != null && newRevision < revision) {
            return "the store is at revision " + newRevision + ", this node has seen " + revision
                    + ": it was put back from an older backup, and everything is kept as it was. Put it back by 'pilus restore' or,"
                    + " if this one is meant, remove cluster.state and node.state from pilus.node.state-dir and restart the agent";
        }
        return null;
    }

    /** Writes to disk before the kernel is touched: after a kill the kernel may be behind the disk, never ahead of it. */
    private Delta take(Update update) {
        List<Delta.Put> puts = new ArrayList<>();
        List<Entry> gone = new ArrayList<>();
        for (String key : update.gone()) {
            Entry before = entries.remove(key);
            if (before != null) {
                gone.add(before);
            }
        }
        for (Entry put : update.puts()) {
            puts.add(new Delta.Put(put, entries.put(put.key(), put)));
        }
        revision = update.revision();
        persist(update);
        return new Delta(update.revision(), puts, gone);
    }

    private void persist(Update update) {
        StoreId known = store;
        if (known == null) {
            return;
        }
        try {
            if (!log.wantsSnapshot()) {
                log.append(update);
            } else if (!clock.instant().isBefore(diskRetry)) {
                log.snapshot(known, revision, entries.values());
                diskFailure = null;
            }
        } catch (IOException e) {
            failed(e);
        }
    }

    private void failed(IOException e) {
        diskRetry = clock.instant().plus(DISK_PAUSE);
        diskFailure = name + " cannot be written to disk: " + e.getMessage() + "; free space or mend the disk";
        LOG.error(diskFailure, e);
    }
}

package io.pilus.etcd;

import static java.util.Objects.requireNonNull;

import io.etcd.jetcd.Client;
import io.etcd.jetcd.Watch;
import io.etcd.jetcd.options.WatchOption;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Leader;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * A service's replica stands for leader, and leads or stands by. The leader's key hangs on a lease of five seconds, which is kept
 * alive only while {@link #beat} comes: a replica that is stuck loses it. {@link #term} goes empty by the local clock before
 * the lease can have expired at etcd; still, only {@link Term#guard} makes sure that a deposed leader writes nothing.
 */
public final class Leadership implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(Leadership.class);

    private static final Duration LEASE = Duration.ofSeconds(5);

    /** Between two renewals, and the longest wait for one. */
    private static final Duration RENEWAL = Duration.ofSeconds(1);

    /** Between two attempts while etcd cannot serve. */
    private static final Duration PAUSE = Duration.ofMillis(500);

    private final Client client;
    private final EtcdStore store;
    private final Key<Leader> key;
    private final String replica;
    private final Wake wake = new Wake();
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
    private final Thread thread;
    private volatile @Nullable Reign reign;
    private volatile long lastBeat = System.nanoTime();
    private volatile boolean cutOff;
    private volatile boolean closed;

    /** The time during which this replica leads. */
    public record Term(long createRevision, Key<Leader> key) {

        /** Lets the transaction succeed only while this term lasts. */
        public Transaction guard(Transaction transaction) {
            return transaction.ifCreateRevision(key, createRevision);
        }
    }

    private record Reign(Term term, EtcdLease lease) {}

    private Leadership(Client client, EtcdStore store, String service, String replica) {
        this.client = client;
        this.store = store;
        this.key = Keys.leader(service);
        this.replica = replica;
        this.thread = Thread.ofVirtual().name("leadership-" + service).unstarted(this::run);
    }

    /**
     * Stands for leader until closed, on a thread of its own.
     *
     * @param replica tells this process from the service's others
     */
    public static Leadership campaign(Client client, EtcdStore store, String service, String replica) {
        var leadership = new Leadership(client, store, service, replica);
        leadership.thread.start();
        return leadership;
    }

    /** The present term, while this replica leads for certain. */
    public Optional<Term> term() {
        Reign now = reign;
        return now != null && now.lease().certain().isPositive() ? Optional.of(now.term()) : Optional.empty();
    }

    /** Called by the loop that does the leader's work, at least every five seconds, whether this replica leads or not. */
    public void beat() {
        lastBeat = System.nanoTime();
    }

    /** Runs each time {@link #term} has come or gone, on the campaign's thread. */
    public void onChange(Runnable listener) {
        listeners.add(listener);
    }

    /** Gives up leadership, so that a standby takes over at once. */
    @Override
    public void close() {
        closed = true;
        wake.call();
        try {
            thread.join(Duration.ofSeconds(3));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        boolean reported = false;
        while (!closed) {
            try {
                if (awaitVacancy()) {
                    lead();
                }
                reported = false;
            } catch (EtcdUnavailableException | EtcdRefusedException | UnreadableValueException e) {
                if (!reported) {
                    LOG.warnf("cannot stand for %s: %s", key, e.getMessage());
                    reported = true;
                }
                wake.sleep(PAUSE);
            }
        }
    }

    /** Waits until nobody leads, or for a while. */
    private boolean awaitVacancy() {
        TransactionResult now = store.transaction().getting(List.of(key)).commit();
        if (now.read().getFirst() == null) {
            return true;
        }
        try (Watch.Watcher watcher = watch(now.revision() + 1)) {
            requireNonNull(watcher);
            wake.sleep(LEASE);
        }
        if (cutOff) {
            cutOff = false;
            wake.sleep(PAUSE);
        }
        return false;
    }

    /** Wakes the campaign when the key changes. jetcd may miss history when it resumes a watch by itself: hence at any trouble, too. */
    private Watch.Watcher watch(long revision) {
        WatchOption option = WatchOption.builder()
                .withRevision(revision)
                .withRequireLeader(true)
                .build();
        return client.getWatchClient()
                .watch(EtcdStore.bytes(key.path()), option, Watch.listener(response -> wake.call(), trouble -> {
                    cutOff = true;
                    wake.call();
                }));
    }

    private void lead() {
        EtcdLease lease = EtcdLease.grant(client.getLeaseClient(), LEASE, store.timeout());
        boolean stuck = false;
        try {
            TransactionResult won = store.transaction()
                    .ifAbsent(key)
                    .put(
                            key,
                            Leader.newBuilder()
                                    .setReplica(replica)
                                    .setSinceEpochMs(System.currentTimeMillis())
                                    .build(),
                            lease.id())
                    .commit();
            if (won.succeeded() && !closed) {
                beat();
                reign = new Reign(new Term(won.revision(), key), lease);
                LOG.infof("%s leads %s since revision %d", replica, key, won.revision());
                changed();
                stuck = keep(won.revision(), lease);
            }
        } finally {
            if (reign != null) {
                reign = null;
                changed();
            }
            lease.revoke(RENEWAL);
        }
        if (stuck) {
            long given = System.nanoTime();
            while (!closed
                    && lastBeat - given < 0
                    && System.nanoTime() - given < LEASE.multipliedBy(2).toNanos()) {
                wake.sleep(PAUSE);
            }
        }
    }

    /** Renews the lease until that is no longer possible or allowed; true when the work stood still. */
    private boolean keep(long createRevision, EtcdLease lease) {
        try (Watch.Watcher watcher = watch(createRevision + 1)) {
            requireNonNull(watcher);
            while (true) {
                wake.sleep(least(RENEWAL, lease.certain()));
                if (closed) {
                    return false;
                }
                if (System.nanoTime() - lastBeat > LEASE.toNanos()) {
                    LOG.warnf("%s gives up %s: its work has stood still for %d s", replica, key, LEASE.toSeconds());
                    return true;
                }
                if (!lease.certain().isPositive()) {
                    LOG.warnf("%s gives up %s: etcd did not renew the lease", replica, key);
                    return false;
                }
                if (!renewed(createRevision, lease)) {
                    LOG.warnf("%s has lost %s", replica, key);
                    return false;
                }
            }
        }
    }

    /** False when leadership is lost for certain: etcd has forgotten the lease, or the key is gone or another's. */
    private boolean renewed(long createRevision, EtcdLease lease) {
        try {
            lease.renew(least(RENEWAL, lease.certain()));
            return EtcdCalls.awaitFor(
                            client.getKVClient().get(EtcdStore.bytes(key.path())),
                            least(RENEWAL, lease.certain()),
                            "get " + key)
                    .getKvs()
                    .stream()
                    .anyMatch(found -> found.getCreateRevision() == createRevision);
        } catch (LeaseLostException e) {
            return false;
        } catch (EtcdUnavailableException e) {
            LOG.debugf("%s: %s", key, e.getMessage());
            return true;
        }
    }

    private static Duration least(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    private void changed() {
        for (Runnable listener : listeners) {
            try {
                listener.run();
            } catch (RuntimeException e) {
                LOG.errorf(e, "a listener of %s failed", key);
            }
        }
    }
}

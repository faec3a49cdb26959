package io.pilus.etcd;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Response;
import io.etcd.jetcd.kv.GetResponse;
import io.quarkus.runtime.Quarkus;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.util.Optional;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a service with one store: the first that its channels meet. What a process holds in memory is true of that store alone, so
 * each transaction compares the key {@code epoch}, and channels hand on nothing of a stranger. When the known store was restored
 * from a backup, everything that was derived from it is in doubt: the process ends, and begins anew with what the store now has
 * (docs/decisions/0006).
 */
@ApplicationScoped
public class StoreGuard {

    private static final Logger LOG = Logger.getLogger(StoreGuard.class);

    /** For whoever starts the process again: it did not fail. */
    private static final int RESTORED = 75;

    private final Runnable restored;
    private @Nullable Known known;
    private @Nullable String refusal;
    private long seen;

    /** The store and the value of its key {@code epoch}. */
    record Known(StoreId store, ByteSequence epoch) {}

    @Inject
    public StoreGuard() {
        this(() -> Quarkus.asyncExit(RESTORED));
    }

    /**
     * @param restored what to do when the known store was restored from a backup
     */
    public StoreGuard(Runnable restored) {
        this.restored = restored;
    }

    /** Why the store that answers now is not used; empty while it is. */
    public synchronized Optional<String> refusal() {
        return Optional.ofNullable(refusal);
    }

    /**
     * A channel has looked at the store.
     *
     * @param met null when the store has no key {@code epoch}
     * @param epoch the value of that key
     * @param revision the store's
     * @param position the revision that the channel has come to
     * @return why nothing may be taken from it; empty when it is the known one, or the first
     */
    public synchronized Optional<String> check(
            @Nullable StoreId met, @Nullable ByteSequence epoch, long revision, long position) {
        if (known == null) {
            if (met != null && epoch != null) {
                known = new Known(met, epoch);
            }
            return Optional.empty();
        }
        StoreId store = known.store();
        if (!store.equals(met)) {
            return refuse(met);
        }
        seen = Math.max(seen, position);
        if (revision < seen) {
            refusal = "the store is at revision " + revision + ", this process has seen " + seen
                    + ": an older state of it was put back without being counted. Put back the newest one, or a backup by"
                    + " 'pilus restore'";
            return Optional.of(refusal);
        }
        if (refusal != null) {
            LOG.infof("the store is %s again", store);
            refusal = null;
        }
        return Optional.empty();
    }

    /** What a transaction must find; empty as long as no store is known. */
    synchronized Optional<Known> required() {
        if (refusal != null) {
            throw new StoreChangedException(refusal);
        }
        return Optional.ofNullable(known);
    }

    /**
     * Looks at a transaction's answer.
     *
     * @param epoch what was read because the conditions did not hold, or null when they did
     */
    synchronized void answered(Known expected, Response.Header header, @Nullable GetResponse epoch) {
        boolean same = header.getClusterId() == expected.store().etcdClusterId()
                && (epoch == null
                        || epoch.getKvs().stream()
                                .anyMatch(found -> found.getValue().equals(expected.epoch())));
        if (!same) {
            throw new StoreChangedException(
                    "another store than " + expected.store() + " answers: see this service's health");
        }
        seen = Math.max(seen, header.getRevision());
    }

    private Optional<String> refuse(@Nullable StoreId met) {
        StoreId store = known == null ? null : known.store();
        String text;
        if (store != null && met != null && met.isRestorationOf(store)) {
            text = "the store was restored from a backup (" + store + " is " + met
                    + " now): this process ends, and must be started anew";
            if (!text.equals(refusal)) {
                LOG.error(text);
                restored.run();
            }
        } else {
            text = (met == null ? "the store has no key 'epoch'" : "the store is " + met) + ", this process works with "
                    + store
                    + ": nothing is taken from it and nothing written. Put the known store back or, if this one is"
                    + " meant, restart the service";
            if (!text.equals(refusal)) {
                LOG.error(text);
            }
        }
        refusal = text;
        return Optional.of(text);
    }
}

package io.pilus.etcd;

import com.google.protobuf.MessageLite;
import io.etcd.jetcd.Client;
import io.pilus.contract.Key;
import java.time.Duration;
import java.util.function.Supplier;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one key there as long as this process lives and reaches etcd: written with a lease, which is renewed; when etcd has lost the
 * lease or the key, a new one is granted and the key written again at once. For keys that belong to one process, such as {@code live/{node}}.
 */
public final class LeasedKey<M extends MessageLite> implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(LeasedKey.class);

    private static final Duration PAUSE = Duration.ofMillis(500);

    private final Client client;
    private final EtcdStore store;
    private final Key<M> key;
    private final Supplier<M> value;
    private final Duration lifetime;
    private final Wake wake = new Wake();
    private final Thread thread;
    private volatile @Nullable EtcdLease lease;
    private volatile boolean closed;

    private LeasedKey(Client client, EtcdStore store, Key<M> key, Supplier<M> value, Duration lifetime) {
        this.client = client;
        this.store = store;
        this.key = key;
        this.value = value;
        this.lifetime = lifetime;
        this.thread = Thread.ofVirtual().name("leased-" + key).unstarted(this::run);
    }

    /**
     * Writes the key and keeps it until closed, on a thread of its own.
     *
     * @param value asked for each time the key is written
     * @param lifetime how long the key outlives this process; whole seconds, at least 2
     */
    public static <M extends MessageLite> LeasedKey<M> keep(
            Client client, EtcdStore store, Key<M> key, Supplier<M> value, Duration lifetime) {
        var leased = new LeasedKey<>(client, store, key, value, lifetime);
        leased.thread.start();
        return leased;
    }

    /** Whether the key is certainly there. */
    public boolean held() {
        EtcdLease now = lease;
        return now != null && now.certain().isPositive();
    }

    /** Takes the key away. */
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
                hold();
                reported = false;
            } catch (EtcdUnavailableException | EtcdRefusedException e) {
                if (!reported) {
                    LOG.warnf("cannot keep %s: %s", key, e.getMessage());
                    reported = true;
                }
                wake.sleep(PAUSE);
            }
        }
    }

    private void hold() {
        EtcdLease granted = EtcdLease.grant(client.getLeaseClient(), lifetime, store.timeout());
        try {
            // compares nothing: the key is this process' own, and whoever writes it last lives
            store.transaction().put(key, value.get(), granted.id()).commit();
            lease = granted;
            renewUntilLost(granted);
        } finally {
            lease = null;
            granted.revoke(Duration.ofSeconds(1));
        }
    }

    private void renewUntilLost(EtcdLease granted) {
        while (true) {
            wake.sleep(lifetime.dividedBy(3));
            if (closed) {
                return;
            }
            try {
                granted.renew(lifetime.dividedBy(3));
                if (!isThere(granted)) {
                    LOG.infof("%s is written again: somebody has deleted or replaced it", key);
                    return;
                }
            } catch (LeaseLostException e) {
                LOG.infof("%s is written again: %s", key, e.getMessage());
                return;
            } catch (EtcdUnavailableException e) {
                LOG.debugf("%s: %s", key, e.getMessage());
            }
        }
    }

    private boolean isThere(EtcdLease granted) {
        return EtcdCalls.awaitFor(
                        client.getKVClient().get(EtcdStore.bytes(key.path())), lifetime.dividedBy(3), "get " + key)
                .getKvs()
                .stream()
                .anyMatch(found -> found.getLease() == granted.id());
    }
}

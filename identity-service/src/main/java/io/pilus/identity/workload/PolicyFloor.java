package io.pilus.identity.workload;

import io.pilus.contract.Keys;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Versioned;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The revision of {@code compiled} that a new workload's node has to have reached: whatever was compiled before the workload was
 * written holds for its first packet.
 */
@ApplicationScoped
class PolicyFloor {

    private final EtcdStore store;
    private final Lock lock = new ReentrantLock();
    private long began;
    private long revision;

    PolicyFloor(EtcdStore store) {
        this.store = store;
        this.began = System.nanoTime();
    }

    /** The key's revision at some moment after the call, 0 when it does not exist. All who wait meanwhile share the next read. */
    long current() {
        long arrived = System.nanoTime();
        lock.lock();
        try {
            if (began - arrived <= 0) {
                long now = System.nanoTime();
                revision = store.get(Keys.COMPILED).map(Versioned::modRevision).orElse(0L);
                began = now;
            }
            return revision;
        } finally {
            lock.unlock();
        }
    }
}

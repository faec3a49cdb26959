package io.pilus.messaging.etcd;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The changes between the thread that reads and the one that delivers. Bounded by bytes and by number; one change always fits, however
 * large. A change counts until its consumer is done with it.
 */
final class ChangeBuffer {

    /** What an event costs beside its key and value, roughly. */
    private static final int OVERHEAD = 96;

    /**
     * @param bytes what it counts for
     */
    record Held(EtcdChange change, long bytes) {}

    private final long maxBytes;
    private final int maxChanges;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final ArrayDeque<Held> waiting = new ArrayDeque<>();
    private long bytes;
    private int changes;

    ChangeBuffer(long maxBytes, int maxChanges) {
        this.maxBytes = maxBytes;
        this.maxChanges = maxChanges;
    }

    /** Adds the change, or gives up after that time: false. */
    boolean put(EtcdChange change, Duration wait) throws InterruptedException {
        long size = size(change);
        lock.lock();
        try {
            long left = wait.toNanos();
            while (changes > 0 && (bytes + size > maxBytes || changes >= maxChanges)) {
                if (left <= 0) {
                    return false;
                }
                left = changed.awaitNanos(left);
            }
            waiting.add(new Held(change, size));
            bytes += size;
            changes++;
            changed.signalAll();
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** The next change, which counts until it is {@link #release}d. */
    Held take() throws InterruptedException {
        lock.lock();
        try {
            while (waiting.isEmpty()) {
                changed.await();
            }
            return waiting.remove();
        } finally {
            lock.unlock();
        }
    }

    void release(Held done) {
        lock.lock();
        try {
            bytes -= done.bytes();
            changes--;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Waits until at least half of it is free. */
    void awaitDrained() throws InterruptedException {
        lock.lock();
        try {
            while (bytes > maxBytes / 2 || changes > maxChanges / 2) {
                changed.await();
            }
        } finally {
            lock.unlock();
        }
    }

    long bytes() {
        lock.lock();
        try {
            return bytes;
        } finally {
            lock.unlock();
        }
    }

    int changes() {
        lock.lock();
        try {
            return changes;
        } finally {
            lock.unlock();
        }
    }

    private static long size(EtcdChange change) {
        return switch (change) {
            case EtcdChange.Snapshot snapshot ->
                snapshot.entries().stream()
                        .mapToLong(entry ->
                                OVERHEAD + entry.key().length() + entry.value().size())
                        .sum();
            case EtcdChange.Revision revision ->
                revision.events().stream()
                        .mapToLong(event -> switch (event) {
                            case EtcdChange.Event.Put put ->
                                OVERHEAD + put.key().length() + put.value().size();
                            case EtcdChange.Event.Deleted deleted ->
                                OVERHEAD + deleted.key().length();
                        })
                        .sum();
        };
    }
}

package io.pilus.etcd;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** Lets one thread sleep until another calls it; a call while it is awake ends its next sleep. */
final class Wake {

    private final Semaphore calls = new Semaphore(0);

    void call() {
        calls.release();
    }

    /** Sleeps that long at most. */
    void sleep(Duration atMost) {
        try {
            if (calls.tryAcquire(Math.max(0, atMost.toNanos()), TimeUnit.NANOSECONDS)) {
                calls.drainPermits();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

package io.pilus.node.endpoint;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** Lets one caller at a time work on a container, and a second one put an end to the first one's waiting. */
final class Containers {

    private final Map<String, Turn> turns = new HashMap<>();

    /** Work on one container; others for the same one wait until it is closed. */
    final class Turn implements AutoCloseable {

        private final String containerId;
        private final ReentrantLock lock = new ReentrantLock(true);
        private int users;
        private @Nullable Thread waiting;

        private Turn(String containerId) {
            this.containerId = containerId;
        }

        /** Until {@link #stopWaiting}, the calling thread may be interrupted by {@link Containers#interrupt}. */
        synchronized void startWaiting() {
            waiting = Thread.currentThread();
        }

        /** Whether the thread was interrupted meanwhile; it is not any more. */
        synchronized boolean stopWaiting() {
            waiting = null;
            return Thread.interrupted();
        }

        private synchronized void interrupt() {
            if (waiting != null) {
                waiting.interrupt();
            }
        }

        @Override
        public void close() {
            lock.unlock();
            synchronized (turns) {
                users--;
                if (users == 0) {
                    turns.remove(containerId);
                }
            }
        }
    }

    Turn take(String containerId) {
        Turn turn;
        synchronized (turns) {
            turn = turns.computeIfAbsent(containerId, Turn::new);
            turn.users++;
        }
        turn.lock.lock();
        return turn;
    }

    /** Interrupts whoever waits in a turn of this container. */
    void interrupt(String containerId) {
        Turn turn;
        synchronized (turns) {
            turn = turns.get(containerId);
        }
        if (turn != null) {
            turn.interrupt();
        }
    }
}

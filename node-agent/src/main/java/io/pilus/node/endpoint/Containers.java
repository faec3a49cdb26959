package io.pilus.node.endpoint;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Lets one caller at a time work on a container, and a second one put an end to the first one's waiting: only there is a thread
 * interrupted, as an interrupted write to a file closes it.
 */
final class Containers {

    private final Map<String, Turn> turns = new HashMap<>();

    /** What a thread waits for. */
    interface Wait<T> {
        T get() throws InterruptedException;
    }

    /** Work on one container; others for the same one wait until it is closed. */
    final class Turn implements AutoCloseable {

        private final String containerId;
        private final ReentrantLock lock = new ReentrantLock(true);
        private int users;
        private boolean mayBeEnded;
        private boolean ended;
        private @Nullable Thread waiting;

        private Turn(String containerId) {
            this.containerId = containerId;
        }

        /** Until {@link #stopWaiting}, {@link Containers#interrupt} puts an end to what is {@link #await awaited}. */
        synchronized void startWaiting() {
            mayBeEnded = true;
            ended = false;
        }

        /** Whether an end was put to it. */
        synchronized boolean stopWaiting() {
            mayBeEnded = false;
            return ended;
        }

        /**
         * Waits as told, and is interrupted alone in that.
         *
         * @throws InterruptedException when an end is put to the waiting, or was since it started
         */
        <T> T await(Wait<T> wait) throws InterruptedException {
            synchronized (this) {
                if (ended) {
                    throw new InterruptedException();
                }
                waiting = Thread.currentThread();
            }
            try {
                return wait.get();
            } finally {
                noLongerWaiting();
            }
        }

        /** Nobody interrupts the thread from here on, and an interruption that came too late is undone. */
        private synchronized void noLongerWaiting() {
            waiting = null;
            if (ended) {
                Thread.interrupted();
            }
        }

        private synchronized void interrupt() {
            if (mayBeEnded) {
                ended = true;
                if (waiting != null) {
                    waiting.interrupt();
                }
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

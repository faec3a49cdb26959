package io.pilus.simulation;

import java.lang.reflect.Constructor;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Executor;

/**
 * Runs virtual threads one at a time on the thread that calls {@link #step}, and picks by a seed who goes on. Locks, futures and
 * the threads that a task starts work as ever; a task lets others go on where it {@link #pause pauses} or waits for them.
 */
public final class Schedule {

    private static final Constructor<?> BUILDER = builder();

    private final Random random;
    private final List<Runnable> ready = new ArrayList<>();
    private final Thread.Builder.OfVirtual threads;

    public Schedule(Random random) {
        this.random = random;
        try {
            Executor scheduler = ready::add;
            this.threads =
                    ((Thread.Builder.OfVirtual) BUILDER.newInstance(scheduler)).inheritInheritableThreadLocals(false);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Begins a task; it does nothing before the next {@link #step}. */
    public void start(Runnable task) {
        threads.start(task);
    }

    /** Lets any other task go on first, or none. */
    @SuppressWarnings("ThreadPriorityCheck") // the scheduler is this one
    public static void pause() {
        Thread.yield();
    }

    /** How many tasks can go on. */
    public int ready() {
        return ready.size();
    }

    /** Has one task go on until it pauses, waits or ends; false when none can. */
    public boolean step() {
        if (ready.isEmpty()) {
            return false;
        }
        int index = random.nextInt(ready.size());
        Runnable next = ready.get(index);
        Runnable last = ready.removeLast();
        if (index < ready.size()) {
            ready.set(index, last);
        }
        next.run();
        return true;
    }

    /** Until nobody can go on. */
    public void drain() {
        while (step()) {}
    }

    /** JDK 25 has the scheduler as an argument, and threads inherit that of the thread that starts them; neither is public yet. */
    private static Constructor<?> builder() {
        try {
            Constructor<?> constructor = Class.forName("java.lang.ThreadBuilders$VirtualThreadBuilder")
                    .getDeclaredConstructor(Executor.class);
            constructor.setAccessible(true);
            return constructor;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this JDK does not take a scheduler for virtual threads", e);
        }
    }
}

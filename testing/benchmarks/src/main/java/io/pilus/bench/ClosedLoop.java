package io.pilus.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** So many clients, each of which does its next operation when its last one has ended. */
final class ClosedLoop {

    /** An operation of one client. */
    @FunctionalInterface
    interface Operation {
        void run() throws Exception;
    }

    /**
     * @param rate operations a second, of all clients together
     * @param latency of single operations, in milliseconds
     */
    record Measured(double rate, Percentiles latency) {}

    private ClosedLoop() {}

    /**
     * @throws IllegalStateException with the first operation's failure
     */
    static Measured run(List<? extends Operation> clients, Duration duration) {
        long begin = System.nanoTime();
        long end = begin + duration.toNanos();
        List<Double> times = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Callable<List<Double>>> loops = new ArrayList<>();
            for (Operation client : clients) {
                loops.add(() -> loop(client, end));
            }
            for (Future<List<Double>> loop : threads.invokeAll(loops)) {
                times.addAll(loop.get());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted");
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        return new Measured(times.size() / seconds, Percentiles.of(times));
    }

    private static List<Double> loop(Operation client, long end) throws Exception {
        List<Double> times = new ArrayList<>();
        for (long now = System.nanoTime(); now < end; ) {
            client.run();
            long after = System.nanoTime();
            times.add((after - now) / 1e6);
            now = after;
        }
        return times;
    }
}

package io.pilus.simulation;

import java.util.ArrayList;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Many runs, each of which its seed decides. A run that fails is repeated with fewer operations as long as it still fails, and told with its
 * journal. Settings: {@code pilus.simulation.runs}, {@code pilus.simulation.seed}.
 */
final class Runs {

    /** The longest run's random operations. */
    private static final int OPERATIONS = 90;

    private static final int JOURNAL = 120;

    // held, as a logger that nobody holds forgets its level
    private static final Logger LOGGER = Logger.getLogger("io.pilus");

    private Runs() {}

    /** A run. */
    interface Run {
        void play(long seed, int operations, @Nullable List<String> journal);
    }

    /**
     * @param usual how many, when no setting says otherwise
     * @return how many
     */
    static long of(long usual, Run run) {
        LOGGER.setLevel(Level.OFF);
        long runs = Long.getLong("pilus.simulation.runs", usual);
        long first = Long.getLong("pilus.simulation.seed", System.nanoTime());
        for (long i = 0; i < runs; i++) {
            try {
                run.play(first + i, operations(first + i), null);
            } catch (AssertionError | RuntimeException e) {
                throw shortest(first + i, i, e, run);
            }
        }
        return runs;
    }

    private static int operations(long seed) {
        return OPERATIONS / 3 + Math.floorMod(seed, OPERATIONS * 2 / 3 + 1);
    }

    private static AssertionError shortest(long seed, long run, Throwable failure, Run play) {
        for (int operations = 1; operations <= operations(seed); operations++) {
            List<String> journal = new ArrayList<>();
            try {
                play.play(seed, operations, journal);
            } catch (AssertionError | RuntimeException e) {
                return new AssertionError(
                        "run %d: -Dpilus.simulation.seed=%d -Dpilus.simulation.runs=1, %d operations: %s%n%s"
                                .formatted(
                                        run,
                                        seed,
                                        operations,
                                        e.getMessage(),
                                        String.join(
                                                "\n",
                                                journal.subList(
                                                        Math.max(0, journal.size() - JOURNAL), journal.size()))),
                        e);
            }
        }
        return new AssertionError("run " + run + ", seed " + seed + ", failed once and not again", failure);
    }
}

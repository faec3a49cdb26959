package io.pilus.cli;

import io.pilus.lab.Progress;
import java.io.PrintStream;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Where the user reads: results on standard output, progress on standard error. */
final class Console implements Progress {

    private static final boolean COLOURS = Optional.ofNullable(System.console())
                    .filter(terminal -> terminal.isTerminal())
                    .isPresent()
            && System.getenv("NO_COLOR") == null;

    private static final long PATIENCE_SECONDS = 1;
    private static final long NEWS_SECONDS = 5;

    private final PrintStream out;
    private final PrintStream err;
    private final long began = System.nanoTime();

    Console(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    static Console standard() {
        return new Console(System.out, System.err);
    }

    void print(String line) {
        out.println(line);
    }

    /** What goes on, with the seconds since the command began. */
    @Override
    public synchronized void say(String line) {
        err.printf("  %5.1f s  %s%n", (System.nanoTime() - began) / 1e9, line);
    }

    /** Does something, and says so when it takes longer than a second. */
    <T> T during(String what, Supplier<T> work) {
        ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().factory());
        ScheduledFuture<?> news =
                clock.scheduleAtFixedRate(() -> say(what + " ..."), PATIENCE_SECONDS, NEWS_SECONDS, TimeUnit.SECONDS);
        try {
            return work.get();
        } finally {
            news.cancel(false);
            clock.shutdown();
        }
    }

    static String green(String text) {
        return COLOURS ? "\u001b[32m" + text + "\u001b[0m" : text;
    }

    static String red(String text) {
        return COLOURS ? "\u001b[31m" + text + "\u001b[0m" : text;
    }

    static String bold(String text) {
        return COLOURS ? "\u001b[1m" + text + "\u001b[0m" : text;
    }
}

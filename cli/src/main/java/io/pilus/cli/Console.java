package io.pilus.cli;

import io.pilus.lab.Progress;
import java.io.PrintStream;
import java.util.Optional;

/** Where the user reads: results on standard output, progress on standard error. */
final class Console implements Progress {

    private static final boolean COLOURS = Optional.ofNullable(System.console())
                    .filter(terminal -> terminal.isTerminal())
                    .isPresent()
            && System.getenv("NO_COLOR") == null;

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

package io.pilus.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/** Programs of the system, run to their end. */
final class Commands {

    private Commands() {}

    /**
     * What the command printed.
     *
     * @throws CommandFailedException when it cannot be started or says no
     */
    static String run(String... command) {
        return runWith("", command);
    }

    /** As {@link #run}, for a line of words without spaces in them. */
    static String runWords(String line) {
        return run(line.split(" ", -1));
    }

    static String runWith(String input, String... command) {
        try {
            Process process = new ProcessBuilder(command).start();
            try (var in = process.outputWriter(UTF_8)) {
                in.write(input);
            }
            String output = new String(process.getInputStream().readAllBytes(), UTF_8);
            String errors = new String(process.getErrorStream().readAllBytes(), UTF_8);
            if (process.waitFor() != 0) {
                throw new CommandFailedException(List.of(command), errors.strip());
            }
            return output;
        } catch (IOException e) {
            throw new CommandFailedException(List.of(command), String.valueOf(e.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandFailedException(List.of(command), "interrupted");
        }
    }

    /** Commands of {@code ip}, one a line, inside a network namespace. */
    static void ip(String namespace, String batch) {
        runWith(batch, "ip", "-n", namespace, "-batch", "-");
    }

    /** As {@link #run}, for cleaning up: what is not there need not go. */
    static void attempt(String... command) {
        try {
            new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

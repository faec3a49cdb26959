package io.pilus.lab;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Calls of the system's own programs: {@code ip}, {@code mount}, {@code sh}. */
final class Tool {

    private Tool() {}

    /**
     * @return what the program printed
     * @throws LabException when it is missing or fails, with what it said
     */
    static String run(String... command) {
        return run(List.of(command));
    }

    static String run(List<String> command) {
        return run(command, "");
    }

    /**
     * @param input what the program reads
     */
    static String run(List<String> command, String input) {
        Result result = attempt(command, input);
        if (result.status() != 0) {
            throw new LabException("'" + String.join(" ", command) + "' ended with " + result.status() + ": "
                    + result.output().strip());
        }
        return result.output();
    }

    private static Result attempt(List<String> command, String input) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            try (OutputStream to = process.getOutputStream()) {
                to.write(input.getBytes(StandardCharsets.UTF_8));
            }
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return new Result(process.waitFor(), output);
        } catch (IOException e) {
            throw new LabException("could not run '" + command.getFirst() + "'; is it installed?", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LabException("interrupted while running " + command.getFirst(), e);
        }
    }

    private record Result(int status, String output) {}
}

package io.pilus.bench;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** A CNI plugin, run as a container runtime runs it: by a small resident program (src/main/c/attach.c). */
final class CniPlugin implements AutoCloseable {

    private final Path program;
    private final Process runtime;
    private final BufferedWriter commands;
    private final BufferedReader answers;

    /**
     * @param node file of the network namespace that the plugin is run in
     * @param config what the plugin reads
     */
    CniPlugin(Tools tools, Path node, Path program, Path config, Map<String, String> environment) {
        this.program = program;
        var builder = new ProcessBuilder(
                        tools.attach().toString(), node.toString(), program.toString(), config.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().putAll(environment);
        try {
            runtime = builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        commands = runtime.outputWriter();
        answers = runtime.inputReader();
    }

    /** From starting the plugin until it has ended. */
    Duration add(String container, Path namespace, String uid) {
        return run("ADD", container, namespace, uid);
    }

    void delete(String container, Path namespace, String uid) {
        run("DEL", container, namespace, uid);
    }

    private Duration run(String command, String container, Path namespace, String uid) {
        try {
            commands.write("%s %s %s %s%n".formatted(command, container, namespace, uid));
            commands.flush();
            String answer = answers.readLine();
            if (answer == null) {
                throw new CommandFailedException(List.of(program.toString()), "its runtime has ended");
            }
            String[] words = answer.split(" ", 3);
            if (!words[1].equals("0")) {
                throw new CommandFailedException(List.of(program.toString(), command, container), words[2]);
            }
            return Duration.ofNanos(Long.parseLong(words[0]) * 1000);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        runtime.destroy();
    }
}

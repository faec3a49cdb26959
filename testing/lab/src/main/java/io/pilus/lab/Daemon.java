package io.pilus.lab;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A long-lived process of the lab: etcd, a service, an agent, what a pod runs. */
public final class Daemon {

    /** Writes itself down and joins its cgroup before it becomes the command, in a session of its own. */
    private static final String WRAPPER = """
            cat "/proc/$$/stat" > "$1" && { [ -z "$2" ] || echo $$ > "$2/cgroup.procs"; } || exit 125
            netns=$3; shift 3
            exec setsid nsenter --net="/run/netns/$netns" -- "$@\"""";

    private static final int LAST_WORDS = 4_000;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Spec spec;
    private @Nullable Process process;

    private Daemon(Spec spec) {
        this.spec = spec;
    }

    /** Not started yet. */
    static Daemon prepare(Spec spec) {
        return new Daemon(spec);
    }

    /** One that another process started, to be started again; {@link RecordedProcess} ends it. */
    static Daemon noted(Path note) {
        try {
            return new Daemon(JSON.readValue(note.toFile(), Spec.class));
        } catch (IOException e) {
            throw new LabException("it is not known how to start " + note.getFileName(), e);
        }
    }

    /** Ends it, whoever started it. */
    void endRecorded() {
        RecordedProcess.read(spec.record()).ifPresent(RecordedProcess::kill);
    }

    /** Starts it, for the first time or after {@link #kill} or {@link #terminate}. */
    public synchronized void start() {
        if (isAlive()) {
            throw new IllegalStateException(spec.name() + " runs already");
        }
        List<String> command = new ArrayList<>(
                List.of("sh", "-c", WRAPPER, "sh", spec.record().toString(), Objects.toString(spec.cgroup(), "")));
        command.add(spec.netns());
        command.addAll(spec.command());
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(spec.log().toFile()));
        builder.environment().putAll(spec.environment());
        try {
            Files.deleteIfExists(spec.record());
            Files.createDirectories(spec.note().getParent());
            Files.writeString(spec.note(), JSON.writeValueAsString(spec));
            process = builder.start();
        } catch (IOException e) {
            throw new LabException("could not start " + spec.name(), e);
        }
    }

    public String name() {
        return spec.name();
    }

    /** The name of its network namespace. */
    public String netns() {
        return spec.netns();
    }

    public synchronized boolean isAlive() {
        return process != null && process.isAlive();
    }

    /** The process's number. */
    public synchronized long pid() {
        return started().pid();
    }

    /** SIGKILL, and waits until it is gone. */
    public synchronized void kill() {
        started().destroyForcibly();
        await(started(), Duration.ofSeconds(10));
    }

    /**
     * SIGTERM, and waits until it is gone.
     *
     * @throws LabException when it is still there after that time
     */
    public synchronized void terminate(Duration patience) {
        started().destroy();
        await(started(), patience);
    }

    /** SIGSTOP: it stays, does nothing and answers nobody. */
    public void pause() {
        Tool.run("sh", "-c", "kill -STOP " + pid());
    }

    /** SIGCONT. */
    public void resume() {
        Tool.run("sh", "-c", "kill -CONT " + pid());
    }

    /** What it printed. */
    public Path log() {
        return spec.log();
    }

    /** The end of what it printed. */
    String lastWords() {
        try {
            String all = Files.readString(spec.log(), StandardCharsets.ISO_8859_1);
            return all.substring(Math.max(0, all.length() - LAST_WORDS)).strip();
        } catch (IOException e) {
            return "(no log: " + e.getMessage() + ")";
        }
    }

    private Process started() {
        return Optional.ofNullable(process).orElseThrow();
    }

    private void await(Process ending, Duration patience) {
        try {
            if (!ending.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new LabException(spec.name() + " is still there after " + patience);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LabException("interrupted while ending " + spec.name(), e);
        }
    }

    /**
     * @param record where the process writes itself down
     * @param cgroup the cgroup that it joins, if any
     */
    record Spec(
            String name,
            String netns,
            @Nullable Path cgroup,
            Path record,
            Path log,
            Map<String, String> environment,
            List<String> command) {

        /** Where it is written how to start it. */
        Path note() {
            return record.resolveSibling("../commands").resolve(name).normalize();
        }
    }
}

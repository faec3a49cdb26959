package io.pilus.lab;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;

/** Waits until a process answers its health check. */
final class Readiness {

    private static final Duration PATIENCE = Duration.ofMinutes(3);

    private final Daemon daemon;
    private final Rest rest;
    private final String path;
    private final Progress progress;

    Readiness(Daemon daemon, Rest rest, String path, Progress progress) {
        this.daemon = daemon;
        this.rest = rest;
        this.path = path;
        this.progress = progress;
    }

    /**
     * Returns as soon as it is ready.
     *
     * @throws LabException with the end of its log, when it has ended or is not ready after three minutes
     */
    void await() {
        long began = System.nanoTime();
        String last = "it never answered";
        while (System.nanoTime() - began < PATIENCE.toNanos()) {
            if (!daemon.isAlive()) {
                throw failed("has ended", last);
            }
            try {
                Answer answer = rest.send("GET", path, Map.of(), "");
                if (answer.succeeded()) {
                    progress.say(
                            String.format("%s is ready (%.1f s)", daemon.name(), (System.nanoTime() - began) / 1e9));
                    return;
                }
                last = answer.body();
            } catch (IOException _) {
                // not listening yet
            }
            Journal.pause();
        }
        throw failed("is not ready after " + PATIENCE.toSeconds() + " s", last);
    }

    private LabException failed(String what, String lastAnswer) {
        return new LabException(daemon.name() + " " + what + "; its health check said: " + lastAnswer + "\nits log ("
                + daemon.log() + ") ends:\n" + daemon.lastWords());
    }
}

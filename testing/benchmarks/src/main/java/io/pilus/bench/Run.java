package io.pilus.bench;

import java.nio.file.Path;
import java.time.Duration;

/** What the gates of one run share. */
final class Run implements AutoCloseable {

    /** Long enough for some 800 batches, short enough for a CPU to keep its speed. */
    private static final Duration SLICE = Duration.ofMillis(350);

    private final Path home;
    private final int rounds;
    private final Progress progress;
    private final Tools tools = new Tools();
    private final LoadGenerator generator = new LoadGenerator(tools.loadGenerator(), SLICE);
    private final Clusters clusters = new Clusters(this);

    /**
     * @param home the top of the source tree
     * @param rounds how often each variant is measured
     */
    Run(Path home, int rounds, Progress progress) {
        this.home = home;
        this.rounds = rounds;
        this.progress = progress;
    }

    Path home() {
        return home;
    }

    int rounds() {
        return rounds;
    }

    Progress progress() {
        return progress;
    }

    Tools tools() {
        return tools;
    }

    LoadGenerator generator() {
        return generator;
    }

    Clusters clusters() {
        return clusters;
    }

    @Override
    public void close() {
        clusters.close();
        tools.close();
    }
}

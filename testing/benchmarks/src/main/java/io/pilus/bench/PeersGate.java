package io.pilus.bench;

import java.util.ArrayList;
import java.util.List;

/** The reference datapaths beside each other, without Pilus: what this machine allows, and how steady it is. */
final class PeersGate implements Gate {

    @Override
    public String id() {
        return "peers";
    }

    @Override
    public String title() {
        return "the reference datapaths alone";
    }

    @Override
    public Outcome measure(Run run) {
        List<PathRun> runs = new ArrayList<>();
        try (var paths = ReferencePaths.onOneNode(run.tools())) {
            runs.addAll(PathRun.measureAll(run, "same node", paths.paths()));
        }
        try (var paths = ReferencePaths.acrossNodes(run.tools())) {
            runs.addAll(PathRun.measureAll(run, "across nodes", paths.paths()));
        }
        return new Outcome(List.of(), runs.stream().map(PathRun::table).toList(), List.of(PathRun.METHOD));
    }
}

package io.pilus.node.report;

import io.pilus.etcd.StoreId;
import io.pilus.node.endpoint.Endpoints;
import io.pilus.node.state.NodeState;
import jakarta.inject.Singleton;
import java.util.ArrayList;
import java.util.List;

/** Looks at everything at one moment. */
@Singleton
class StatusReader {

    private final NodeState state;
    private final Endpoints endpoints;
    private final Realisation realisation;

    StatusReader(NodeState state, Endpoints endpoints, Realisation realisation) {
        this.state = state;
        this.endpoints = endpoints;
        this.realisation = realisation;
    }

    Status read() {
        state.lock().lock();
        try {
            List<Status.Trouble> errors = new ArrayList<>();
            realisation
                    .errors()
                    .forEach(error ->
                            errors.add(new Status.Trouble(error.getSubject(), error.getReason(), error.getMessage())));
            state.diskFailures().forEach(message -> errors.add(new Status.Trouble("disk", "disk", message)));
            return new Status(
                    state.node().node(),
                    state.cluster().revision(),
                    realisation.revision(),
                    state.cluster().compiledAt(),
                    state.store().map(StoreId::toString).orElse(null),
                    state.stranger().orElse(null),
                    endpoints.all().size(),
                    errors,
                    realisation.documents().stream().sorted().toList(),
                    realisation.fill());
        } finally {
            state.lock().unlock();
        }
    }

    /** Why the node does not follow the cluster; empty while it does. */
    List<String> obstacles() {
        state.lock().lock();
        try {
            List<String> obstacles = new ArrayList<>(state.diskFailures());
            state.stranger().ifPresent(obstacles::add);
            if (!state.cluster().whole() || !state.node().whole()) {
                obstacles.add("nothing is known of the cluster yet: no store has answered, and nothing is on disk");
            }
            return obstacles;
        } finally {
            state.lock().unlock();
        }
    }
}

package io.pilus.node.report;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.pilus.etcd.StoreId;
import io.pilus.node.NodeConfig;
import io.pilus.node.endpoint.Endpoints;
import io.pilus.node.state.NodeState;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jspecify.annotations.Nullable;

/** How far this node is, and what is wrong. */
@Path("/v1/status")
@RunOnVirtualThread
public class StatusResource {

    private final NodeConfig config;
    private final NodeState state;
    private final Endpoints endpoints;
    private final Realisation realisation;

    StatusResource(NodeConfig config, NodeState state, Endpoints endpoints, Realisation realisation) {
        this.config = config;
        this.state = state;
        this.endpoints = endpoints;
        this.realisation = realisation;
    }

    /**
     * @param seen the newest revision of {@code cluster/} that came
     * @param realised the revision that the kernel reflects, but for the errors
     * @param store cluster id and epoch of the store that this node knows
     * @param stranger why what the store says now is not taken
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record View(
            String node,
            long seen,
            long realised,
            @Nullable String store,
            @Nullable String stranger,
            int endpoints,
            List<Trouble> errors) {}

    /** What is not as the cluster wants it. */
    public record Trouble(String subject, String reason, String message) {}

    @GET
    @Operation(summary = "How far this node is, and what is wrong")
    public View status() {
        state.lock().lock();
        try {
            List<Trouble> errors = new ArrayList<>();
            realisation
                    .errors()
                    .forEach(error ->
                            errors.add(new Trouble(error.getSubject(), error.getReason(), error.getMessage())));
            state.diskFailures().forEach(failure -> errors.add(new Trouble("disk", "disk", failure)));
            return new View(
                    config.name(),
                    state.cluster().revision(),
                    realisation.revision(),
                    state.store().map(StoreId::toString).orElse(null),
                    state.stranger().orElse(null),
                    endpoints.all().size(),
                    errors);
        } finally {
            state.lock().unlock();
        }
    }
}

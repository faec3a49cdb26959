package io.pilus.node.flow;

import io.smallrye.mutiny.Multi;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.RestStreamElementType;
import org.jspecify.annotations.Nullable;

/** Verdicts of this node, one JSON object a line. */
@Path("/v1/flows")
public class FlowResource {

    private final FlowLog flows;

    FlowResource(FlowLog flows) {
        this.flows = flows;
    }

    @GET
    @Produces("application/x-ndjson")
    @RestStreamElementType("application/json")
    @Operation(summary = "The last verdicts, and with follow=true those to come")
    public Multi<Flow> list(
            @RestQuery @DefaultValue("false") boolean follow,
            @RestQuery @Nullable String verdict,
            @RestQuery @Nullable String workload,
            @RestQuery @DefaultValue("1000") @Min(1) @Max(8192) int limit) {
        Predicate<Flow> wanted = flow -> (verdict == null
                        || flow.verdict()
                                .startsWith(verdict.toUpperCase(Locale.ROOT).replace('-', '_')))
                && (workload == null || flow.concerns(workload));
        if (follow) {
            return flows.follow().filter(wanted);
        }
        List<Flow> found = flows.recent().stream().filter(wanted).toList();
        return Multi.createFrom().iterable(found.subList(Math.max(0, found.size() - limit), found.size()));
    }
}

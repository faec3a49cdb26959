package io.pilus.node.flow;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
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
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.RestStreamElementType;
import org.jspecify.annotations.Nullable;

/** Verdicts of this node, one JSON object a line. */
@Path("/v1/flows")
public class FlowResource {

    private final FlowLog flows;
    private final ObjectWriter json;

    FlowResource(FlowLog flows, ObjectMapper json) {
        this.flows = flows;
        this.json = json.writerFor(Flow.class);
    }

    @GET
    @Produces("application/x-ndjson")
    @RestStreamElementType("application/octet-stream")
    @Operation(
            summary = "The last verdicts, and with follow=true those to come",
            description =
                    "Each has a cursor. A reader that was cut off goes on with after=CURSOR of the last one that it has;"
                            + " numbers of cursors that it misses are verdicts that were no longer kept. An empty line says"
                            + " that the agent is alive and has nothing to say.")
    @APIResponse(
            responseCode = "200",
            content = @Content(mediaType = "application/x-ndjson", schema = @Schema(implementation = Flow.class)))
    public Multi<byte[]> list(
            @RestQuery @DefaultValue("false") boolean follow,
            @RestQuery @Nullable Cursor after,
            @RestQuery @Nullable String verdict,
            @RestQuery @Nullable String workload,
            @RestQuery @DefaultValue("1000") @Min(1) @Max(8192) int limit) {
        Predicate<Flow> wanted = flow -> (verdict == null
                        || flow.verdict()
                                .startsWith(verdict.toUpperCase(Locale.ROOT).replace('-', '_')))
                && (workload == null || flow.concerns(workload));
        if (follow) {
            return flows.follow(after).map(page -> lines(page.stream().filter(wanted)));
        }
        List<Flow> found = flows.recent(after).stream().filter(wanted).toList();
        int from = after == null ? Math.max(0, found.size() - limit) : 0;
        return Multi.createFrom().item(lines(found.stream().skip(from).limit(limit)));
    }

    private byte[] lines(Stream<Flow> page) {
        return page.map(this::line).collect(Collectors.joining("\n")).getBytes(UTF_8);
    }

    private String line(Flow flow) {
        try {
            return json.writeValueAsString(flow);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a flow cannot be written: " + flow, e);
        }
    }
}

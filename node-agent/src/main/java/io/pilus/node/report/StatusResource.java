package io.pilus.node.report;

import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** What this node knows and has realised. */
@Path("/v1/status")
@RunOnVirtualThread
public class StatusResource {

    private final StatusReader reader;

    StatusResource(StatusReader reader) {
        this.reader = reader;
    }

    @GET
    @Operation(summary = "What this node knows of the cluster, and how much of that is in its kernel")
    public Status status() {
        return reader.read();
    }
}

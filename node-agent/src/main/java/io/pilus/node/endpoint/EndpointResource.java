package io.pilus.node.endpoint;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.pilus.contract.Identities;
import io.pilus.contract.Prefixes;
import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.ws.rs.BeanParam;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestResponse;

/** Attaches and detaches workloads on this node: what the CNI plugin calls. */
@Path("/v1/endpoints")
@RunOnVirtualThread
public class EndpointResource {

    private final EndpointService endpoints;

    EndpointResource(EndpointService endpoints) {
        this.endpoints = endpoints;
    }

    public record View(
            String uid,
            String namespace,
            String name,
            String containerId,
            @JsonProperty("interface") String interfaceName,
            String hostInterface,
            List<String> addresses,
            List<String> gateways,
            String identity,
            int mtu) {

        static View of(Attachment attachment) {
            return new View(
                    attachment.uid(),
                    attachment.namespace(),
                    attachment.name(),
                    attachment.containerId(),
                    attachment.interfaceName(),
                    attachment.hostInterface(),
                    attachment.addresses().stream().map(Prefixes::format).toList(),
                    attachment.addresses().stream()
                            .map(address ->
                                    address.size() == 4 ? PodInterface.GATEWAY_IPV4.getHostAddress() : "fe80::1")
                            .toList(),
                    Identities.name(attachment.identity()),
                    attachment.mtu());
        }
    }

    @POST
    @Operation(summary = "Attach a network namespace as a workload; repeatable")
    public RestResponse<View> attach(@Valid @NotNull AttachRequest request) {
        EndpointService.Outcome outcome = endpoints.attach(request);
        return RestResponse.status(
                outcome.repeated() ? RestResponse.Status.OK : RestResponse.Status.CREATED,
                View.of(outcome.attachment()));
    }

    @GET
    @Operation(summary = "What is attached on this node, by container id")
    public PageView<View> list(@BeanParam PageRequest page) {
        String from = page.from();
        List<View> rest = endpoints.all().stream()
                .filter(attachment -> from == null || attachment.containerId().compareTo(from) > 0)
                .limit(page.limit() + 1L)
                .map(View::of)
                .toList();
        return rest.size() > page.limit()
                ? new PageView<>(
                        rest.subList(0, page.limit()),
                        rest.get(page.limit() - 1).containerId())
                : new PageView<>(rest, null);
    }

    @GET
    @Path("/{containerId}")
    @Operation(summary = "One endpoint")
    public RestResponse<View> get(@RestPath String containerId) {
        return endpoints
                .byContainer(containerId)
                .map(attachment -> RestResponse.ok(View.of(attachment)))
                .orElseThrow(() -> EndpointProblem.unknown(containerId));
    }

    @DELETE
    @Path("/{containerId}")
    @Operation(summary = "Detach what this container has; succeeds when it has nothing")
    public RestResponse<Void> detach(@RestPath String containerId) {
        endpoints.detach(containerId);
        return RestResponse.noContent();
    }
}

package io.pilus.identity.node;

import static jakarta.ws.rs.core.HttpHeaders.ETAG;
import static jakarta.ws.rs.core.HttpHeaders.IF_MATCH;
import static jakarta.ws.rs.core.MediaType.APPLICATION_JSON;

import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.Owner;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityProblem;
import io.pilus.identity.Ownership;
import io.pilus.identity.Written;
import io.pilus.rest.ETags;
import io.pilus.rest.LabelKey;
import io.pilus.rest.LabelValue;
import io.pilus.rest.NodeName;
import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import jakarta.ws.rs.BeanParam;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jboss.resteasy.reactive.RestHeader;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.Status;
import org.jspecify.annotations.Nullable;

/** {@code /v1/nodes}: nodes, and the addresses by which the others know them. */
@Path("/v1/nodes")
@Consumes(APPLICATION_JSON)
@Produces(APPLICATION_JSON)
@RunOnVirtualThread
public class NodeResource {

    record Request(
            @Nullable @Size(max = 256) Map<@LabelKey String, @LabelValue String> labels,
            @NotNull @Size(max = NodeAddresses.MAX) List<@NotNull String> addresses) {}

    record View(String name, Map<String, String> labels, List<String> addresses, String owner) {
        static View of(Versioned<Node> stored) {
            return new View(
                    stored.value().getName(),
                    new TreeMap<>(stored.value().getLabelsMap()),
                    stored.value().getAddressesList().stream()
                            .map(Prefixes::format)
                            .toList(),
                    Ownership.name(stored.value().getOwner()));
        }
    }

    private final Nodes nodes;

    NodeResource(Nodes nodes) {
        this.nodes = nodes;
    }

    @GET
    public PageView<View> list(@BeanParam PageRequest page) {
        return PageView.of(nodes.list(page), Keys.INTENT_NODES, View::of);
    }

    @GET
    @Path("{name}")
    public RestResponse<View> get(@RestPath NodeName name) {
        return answer(Status.OK, nodes.find(name.value()).orElseThrow(() -> IdentityProblem.unknownNode(name.value())));
    }

    @PUT
    @Path("{name}")
    public RestResponse<View> put(
            @RestPath NodeName name, @RestHeader(IF_MATCH) @Nullable String ifMatch, @NotNull @Valid Request request) {
        Written<Node> written = nodes.put(
                Owner.OWNER_REST,
                name.value(),
                Objects.requireNonNullElse(request.labels(), Map.of()),
                NodeAddresses.parse(request.addresses()),
                ifMatch);
        return answer(written.created() ? Status.CREATED : Status.OK, written.stored());
    }

    /** Removes the node and everything of it: its workloads, its endpoints and, by and by, its blocks. */
    @DELETE
    @Path("{name}")
    public void delete(@RestPath NodeName name, @RestHeader(IF_MATCH) @Nullable String ifMatch) {
        nodes.delete(Owner.OWNER_REST, name.value(), ifMatch);
    }

    private static RestResponse<View> answer(Status status, Versioned<Node> stored) {
        return RestResponse.ResponseBuilder.create(status, View.of(stored))
                .header(ETAG, ETags.of(stored))
                .build();
    }
}

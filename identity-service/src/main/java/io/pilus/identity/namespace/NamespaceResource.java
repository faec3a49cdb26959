package io.pilus.identity.namespace;

import static jakarta.ws.rs.core.HttpHeaders.ETAG;
import static jakarta.ws.rs.core.HttpHeaders.IF_MATCH;
import static jakarta.ws.rs.core.MediaType.APPLICATION_JSON;

import io.pilus.contract.Keys;
import io.pilus.contract.v1.Namespace;
import io.pilus.contract.v1.Owner;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityProblem;
import io.pilus.identity.Ownership;
import io.pilus.identity.Written;
import io.pilus.rest.ETags;
import io.pilus.rest.LabelKey;
import io.pilus.rest.LabelValue;
import io.pilus.rest.NamespaceName;
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
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jboss.resteasy.reactive.RestHeader;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.Status;
import org.jspecify.annotations.Nullable;

/** {@code /v1/namespaces}: namespaces and the labels by which policy selects them. */
@Path("/v1/namespaces")
@Consumes(APPLICATION_JSON)
@Produces(APPLICATION_JSON)
@RunOnVirtualThread
public class NamespaceResource {

    record Request(@Nullable @Size(max = 256) Map<@LabelKey String, @LabelValue String> labels) {}

    record View(String name, Map<String, String> labels, String owner) {
        static View of(Versioned<Namespace> stored) {
            return new View(
                    stored.value().getName(),
                    new TreeMap<>(stored.value().getLabelsMap()),
                    Ownership.name(stored.value().getOwner()));
        }
    }

    private final Namespaces namespaces;

    NamespaceResource(Namespaces namespaces) {
        this.namespaces = namespaces;
    }

    @GET
    public PageView<View> list(@BeanParam PageRequest page) {
        return PageView.of(namespaces.list(page), Keys.NAMESPACES, View::of);
    }

    @GET
    @Path("{name}")
    public RestResponse<View> get(@RestPath NamespaceName name) {
        return answer(
                Status.OK,
                namespaces.find(name.value()).orElseThrow(() -> IdentityProblem.unknownNamespace(name.value())));
    }

    @PUT
    @Path("{name}")
    public RestResponse<View> put(
            @RestPath NamespaceName name,
            @RestHeader(IF_MATCH) @Nullable String ifMatch,
            @NotNull @Valid Request request) {
        Written<Namespace> written = namespaces.put(
                Owner.OWNER_REST, name.value(), Objects.requireNonNullElse(request.labels(), Map.of()), ifMatch);
        return answer(written.created() ? Status.CREATED : Status.OK, written.stored());
    }

    @DELETE
    @Path("{name}")
    public void delete(@RestPath NamespaceName name, @RestHeader(IF_MATCH) @Nullable String ifMatch) {
        namespaces.delete(Owner.OWNER_REST, name.value(), ifMatch);
    }

    private static RestResponse<View> answer(Status status, Versioned<Namespace> stored) {
        return RestResponse.ResponseBuilder.create(status, View.of(stored))
                .header(ETAG, ETags.of(stored))
                .build();
    }
}

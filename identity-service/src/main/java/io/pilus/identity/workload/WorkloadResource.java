package io.pilus.identity.workload;

import static jakarta.ws.rs.core.HttpHeaders.ETAG;
import static jakarta.ws.rs.core.HttpHeaders.IF_MATCH;
import static jakarta.ws.rs.core.MediaType.APPLICATION_JSON;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.pilus.contract.v1.Owner;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityProblem;
import io.pilus.identity.Ownership;
import io.pilus.identity.Written;
import io.pilus.rest.ETags;
import io.pilus.rest.LabelKey;
import io.pilus.rest.LabelValue;
import io.pilus.rest.NamespaceName;
import io.pilus.rest.NodeName;
import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import io.pilus.rest.PoolName;
import io.pilus.rest.ProblemException;
import io.pilus.rest.WorkloadName;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import jakarta.validation.constraints.Size;
import jakarta.ws.rs.BeanParam;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriBuilder;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import org.jboss.resteasy.reactive.RestHeader;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.RestResponse;
import org.jspecify.annotations.Nullable;

/** {@code /v1/workloads}: pods, or anything else with a network namespace. */
@Path("/v1/workloads")
@Consumes(APPLICATION_JSON)
@Produces(APPLICATION_JSON)
@RunOnVirtualThread
public class WorkloadResource {

    private static final String ACCOUNT = "[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?";
    private static final int MAX_LABELS = 256;
    private static final int MAX_PORTS = 256;
    private static final int MAX_BATCH = 100;

    record NewWorkload(
            @NotNull NamespaceName namespace,
            @NotNull WorkloadName name,
            @NotNull NodeName node,
            @Nullable @Size(max = MAX_LABELS) Map<@LabelKey String, @LabelValue String> labels,
            @Nullable @Size(max = MAX_PORTS) List<@NotNull @Valid PortView> ports,
            @Nullable @Pattern(regexp = ACCOUNT) String serviceAccount,
            @Nullable PoolName pool) {}

    record Batch(@NotNull @Size(min = 1, max = MAX_BATCH) List<@NotNull @Valid NewWorkload> items) {}

    /**
     * What became of one of a batch: a workload or a problem.
     *
     * @param status as if it had been asked for alone
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Outcome(
            int status, @Nullable View workload, @Nullable Map<String, Object> problem) {}

    record Outcomes(List<Outcome> items) {}

    record ChangedWorkload(
            @NotNull NodeName node,
            @Nullable @Size(max = MAX_LABELS) Map<@LabelKey String, @LabelValue String> labels,
            @Nullable @Size(max = MAX_PORTS) List<@NotNull @Valid PortView> ports,
            @Nullable @Pattern(regexp = ACCOUNT) String serviceAccount,
            @Nullable PoolName pool) {}

    record View(
            String uid,
            String namespace,
            String name,
            String node,
            Map<String, String> labels,
            List<PortView> ports,
            @Nullable String serviceAccount,
            @Nullable String pool,
            String owner,
            int identity) {

        static View of(Versioned<Workload> stored) {
            Workload workload = stored.value();
            return new View(
                    workload.getUid(),
                    workload.getNamespace(),
                    workload.getName(),
                    workload.getNode(),
                    new TreeMap<>(workload.getLabelsMap()),
                    workload.getPortsList().stream().map(PortView::of).toList(),
                    workload.getServiceAccount().isEmpty() ? null : workload.getServiceAccount(),
                    workload.getPool().isEmpty() ? null : workload.getPool(),
                    Ownership.name(workload.getOwner()),
                    workload.getIdentity());
        }
    }

    private final Workloads workloads;

    WorkloadResource(Workloads workloads) {
        this.workloads = workloads;
    }

    /** Says that the workload will be on the node; its identity lies there before it is attached. */
    @POST
    public RestResponse<View> create(@NotNull @Valid NewWorkload request) {
        return created(workloads.create(Owner.OWNER_REST, spec(request)));
    }

    /**
     * Creates many at once, each for itself: what cannot be created holds up no other. The answer has their outcomes in the
     * order of the request. When it is unknown of one whether it was written, the answer is 503, and the same request may be
     * repeated.
     */
    @POST
    @Path("batch")
    public Outcomes createAll(@NotNull @Valid Batch batch) {
        List<Supplier<Outcome>> outcomes = new ArrayList<>();
        Set<String> names = new HashSet<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (NewWorkload request : batch.items()) {
                if (names.add(request.namespace().value() + "/" + request.name().value())) {
                    Future<Outcome> outcome = threads.submit(() -> outcome(request));
                    outcomes.add(() -> result(outcome));
                } else {
                    outcomes.add(() -> outcome(request)); // of two with one name, the first is created
                }
            }
        }
        return new Outcomes(outcomes.stream().map(Supplier::get).toList());
    }

    private Outcome outcome(NewWorkload request) {
        try {
            View created = View.of(workloads.create(Owner.OWNER_REST, spec(request)));
            return new Outcome(Response.Status.CREATED.getStatusCode(), created, null);
        } catch (ProblemException e) {
            return new Outcome(e.status().getStatusCode(), null, e.document());
        }
    }

    private static Outcome result(Future<Outcome> future) {
        return switch (future.state()) {
            case SUCCESS -> future.resultNow();
            case FAILED ->
                throw future.exceptionNow() instanceof RuntimeException e
                        ? e
                        : new IllegalStateException(future.exceptionNow());
            case RUNNING, CANCELLED -> throw new IllegalStateException("a creation did not end");
        };
    }

    /** Creates the workload, or changes it in place: the uid stays, the identity follows the labels. */
    @PUT
    @Path("{namespace}/{name}")
    public RestResponse<View> put(
            @RestPath NamespaceName namespace,
            @RestPath WorkloadName name,
            @RestHeader(IF_MATCH) @Nullable String ifMatch,
            @NotNull @Valid ChangedWorkload request) {
        Written<Workload> written = workloads.put(
                Owner.OWNER_REST,
                spec(
                        namespace,
                        name,
                        request.node(),
                        request.labels(),
                        request.ports(),
                        request.serviceAccount(),
                        request.pool()),
                ifMatch);
        return written.created() ? created(written.stored()) : ok(written.stored());
    }

    @GET
    public PageView<View> list(
            @BeanParam PageRequest page,
            @RestQuery @Nullable NamespaceName namespace,
            @RestQuery @Nullable NodeName node) {
        String in = namespace == null ? null : namespace.value();
        PageView<Versioned<Workload>> found =
                node == null ? workloads.list(page, in) : workloads.listOn(node.value(), page, in);
        return new PageView<>(found.items().stream().map(View::of).toList(), found.next());
    }

    @GET
    @Path("{namespace}/{name}")
    public RestResponse<View> get(@RestPath NamespaceName namespace, @RestPath WorkloadName name) {
        return ok(workloads
                .find(namespace.value(), name.value())
                .orElseThrow(() -> IdentityProblem.unknownWorkload(namespace.value(), name.value())));
    }

    /** Takes the workload's key away. What is attached stays attached and policed until its node detaches it. */
    @DELETE
    @Path("{namespace}/{name}")
    public void delete(
            @RestPath NamespaceName namespace,
            @RestPath WorkloadName name,
            @RestHeader(IF_MATCH) @Nullable String ifMatch) {
        workloads.delete(Owner.OWNER_REST, namespace.value(), name.value(), ifMatch);
    }

    private static WorkloadSpec spec(NewWorkload request) {
        return spec(
                request.namespace(),
                request.name(),
                request.node(),
                request.labels(),
                request.ports(),
                request.serviceAccount(),
                request.pool());
    }

    private static WorkloadSpec spec(
            NamespaceName namespace,
            WorkloadName name,
            NodeName node,
            @Nullable Map<String, String> labels,
            @Nullable List<PortView> ports,
            @Nullable String serviceAccount,
            @Nullable PoolName pool) {
        return new WorkloadSpec(
                namespace.value(),
                name.value(),
                node.value(),
                Objects.requireNonNullElse(labels, Map.of()),
                PortView.toMessages(ports),
                Objects.requireNonNullElse(serviceAccount, ""),
                pool == null ? "" : pool.value());
    }

    private static RestResponse<View> created(Versioned<Workload> stored) {
        URI location = UriBuilder.fromResource(WorkloadResource.class)
                .path("{namespace}/{name}")
                .build(stored.value().getNamespace(), stored.value().getName());
        return RestResponse.ResponseBuilder.<View>created(location)
                .entity(View.of(stored))
                .header(ETAG, ETags.of(stored))
                .build();
    }

    private static RestResponse<View> ok(Versioned<Workload> stored) {
        return RestResponse.ResponseBuilder.ok(View.of(stored))
                .header(ETAG, ETags.of(stored))
                .build();
    }
}

package io.pilus.policy.document;

import static jakarta.ws.rs.core.MediaType.APPLICATION_JSON;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Document;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Versioned;
import io.pilus.policy.compile.IntentState;
import io.pilus.policy.compile.KnownIdentity;
import io.pilus.policy.enforcement.Enforcement;
import io.pilus.policy.enforcement.EnforcementService;
import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.rule.PodSelector;
import io.pilus.policy.source.DocumentReader;
import io.pilus.policy.source.ParsedDocument;
import io.pilus.policy.source.SourceProblem;
import io.pilus.policy.source.Sources;
import io.pilus.rest.ETags;
import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.BeanParam;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.HeaderParam;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;
import org.jspecify.annotations.Nullable;

/** {@code /v1/documents}: policy documents, in YAML or JSON, as Kubernetes writes them. */
@Path("/v1/documents")
@Produces(APPLICATION_JSON)
@RunOnVirtualThread
public class DocumentResource {

    static final String YAML = "application/yaml";
    static final String OLD_YAML = "application/x-yaml";
    static final String TEXT_YAML = "text/yaml";

    /** How many of the selected identities an answer names. */
    private static final int EXAMPLES = 100;

    private final DocumentService documents;
    private final DocumentReader reader;
    private final EnforcementService enforcement;
    private final IntentState intent;
    private final EtcdStore store;

    DocumentResource(
            DocumentService documents,
            DocumentReader reader,
            EnforcementService enforcement,
            IntentState intent,
            EtcdStore store) {
        this.documents = documents;
        this.reader = reader;
        this.enforcement = enforcement;
        this.intent = intent;
        this.store = store;
    }

    @GET
    @Operation(summary = "Lists documents, by kind, namespace and name")
    public PageView<DocumentView> list(
            @RestQuery @Nullable String kind, @RestQuery @Nullable String namespace, @BeanParam PageRequest page) {
        if (namespace != null && kind == null) {
            throw DocumentProblem.invalidParameter("namespace", namespace, "kind= as well, for example NetworkPolicy");
        }
        KeyRange<Document> range = kind == null ? Keys.DOCUMENTS : reader.range(kind, namespace);
        return PageView.of(store.list(range, page.firstKey(range), page.limit(), 0), range, DocumentView::of);
    }

    @POST
    @Consumes({YAML, OLD_YAML, TEXT_YAML, APPLICATION_JSON})
    @Operation(summary = "Applies all documents of the body, or none")
    public RestResponse<PageView<ChangeView>> apply(
            byte[] body,
            @HeaderParam(HttpHeaders.CONTENT_TYPE) MediaType type,
            @RestQuery boolean dryRun,
            @Parameter(description = "'enforced' to answer once the nodes concerned have the documents in their kernel")
                    @RestQuery
                    @Nullable
                    String wait,
            @Parameter(description = "How long to wait, for example 30s") @RestQuery @Nullable String timeout) {
        var waiting = Waiting.of(wait, timeout, enforcement);
        List<DocumentService.Change> changes = documents.apply(reader.readAll(sources(body, type)), null, dryRun);
        List<ChangeView> views = new ArrayList<>();
        boolean complete = true;
        for (DocumentService.Change change : changes) {
            Enforcement state = dryRun ? null : waiting.await(change.name(), change.revision(), change.selectors());
            complete &= state == null || state.isComplete();
            views.add(ChangeView.of(change, dryRun ? selected(change) : null, state));
        }
        return ResponseBuilder.ok(new PageView<>(views, null))
                .status(complete ? RestResponse.Status.OK : RestResponse.Status.ACCEPTED)
                .build();
    }

    @GET
    @Path("/{kind}/{namespace}/{name}")
    @Operation(summary = "One document")
    public RestResponse<DocumentView> get(@RestPath String kind, @RestPath String namespace, @RestPath String name) {
        Versioned<Document> seen = documents.get(reader.name(kind, namespace, name));
        return ResponseBuilder.ok(DocumentView.of(seen))
                .header(HttpHeaders.ETAG, ETags.of(seen))
                .build();
    }

    @PUT
    @Path("/{kind}/{namespace}/{name}")
    @Consumes({YAML, OLD_YAML, TEXT_YAML, APPLICATION_JSON})
    @Operation(summary = "Creates or replaces a document; the same content twice writes nothing")
    public RestResponse<ChangeView> put(
            @RestPath String kind,
            @RestPath String namespace,
            @RestPath String name,
            byte[] body,
            @HeaderParam(HttpHeaders.CONTENT_TYPE) MediaType type,
            @HeaderParam(HttpHeaders.IF_MATCH) @Nullable String ifMatch,
            @RestQuery boolean dryRun,
            @RestQuery @Nullable String wait,
            @RestQuery @Nullable String timeout) {
        DocumentName expected = reader.name(kind, namespace, name);
        var waiting = Waiting.of(wait, timeout, enforcement);
        List<ObjectNode> sources = sources(body, type);
        if (sources.size() != 1) {
            throw sources.isEmpty() ? DocumentProblem.empty() : DocumentProblem.tooMany(sources.size(), 1);
        }
        ParsedDocument document = reader.read(sources.getFirst(), expected);
        return answer(documents.apply(List.of(document), ifMatch, dryRun).getFirst(), dryRun, waiting);
    }

    @DELETE
    @Path("/{kind}/{namespace}/{name}")
    @Operation(summary = "Deletes a document")
    public RestResponse<ChangeView> delete(
            @RestPath String kind,
            @RestPath String namespace,
            @RestPath String name,
            @HeaderParam(HttpHeaders.IF_MATCH) @Nullable String ifMatch,
            @RestQuery boolean dryRun,
            @RestQuery @Nullable String wait,
            @RestQuery @Nullable String timeout) {
        DocumentName document = reader.name(kind, namespace, name);
        var waiting = Waiting.of(wait, timeout, enforcement);
        return answer(documents.delete(document, ifMatch, dryRun), dryRun, waiting);
    }

    @GET
    @Path("/{kind}/{namespace}/{name}/status")
    @Operation(summary = "Which nodes have the document in their kernel")
    public StatusView status(@RestPath String kind, @RestPath String namespace, @RestPath String name) {
        DocumentName document = reader.name(kind, namespace, name);
        Versioned<Document> seen = documents.get(document);
        return StatusView.of(
                seen.modRevision(), enforcement.state(document, seen.modRevision(), documents.selectors(seen.value())));
    }

    private RestResponse<ChangeView> answer(DocumentService.Change change, boolean dryRun, Waiting waiting) {
        Enforcement state = dryRun ? null : waiting.await(change.name(), change.revision(), change.selectors());
        RestResponse.Status status = RestResponse.Status.OK;
        if (state != null) {
            status = state.isComplete() ? RestResponse.Status.OK : RestResponse.Status.ACCEPTED;
        } else if (change.outcome() == DocumentService.Outcome.CREATED && !dryRun) {
            status = RestResponse.Status.CREATED;
        }
        var answer = ResponseBuilder.ok(ChangeView.of(change, dryRun ? selected(change) : null, state))
                .status(status);
        if (change.outcome() != DocumentService.Outcome.DELETED && change.revision() != 0) {
            answer.header(HttpHeaders.ETAG, ETags.of(change.revision()));
        }
        return answer.build();
    }

    private ChangeView.Selected selected(DocumentService.Change change) {
        return intent.with(compiler -> {
            var matching = compiler.matching(change.selectors().iterator().next());
            List<ChangeView.Example> examples = new ArrayList<>();
            for (int id : matching.limit(EXAMPLES).toArray()) {
                KnownIdentity identity = compiler.known(id);
                if (identity != null) {
                    examples.add(new ChangeView.Example(id, identity.namespace(), identity.labels()));
                }
            }
            return new ChangeView.Selected(matching.getCardinality(), examples);
        });
    }

    private static List<ObjectNode> sources(byte[] body, MediaType type) {
        if (body.length > Sources.MAX_BYTES) {
            throw SourceProblem.tooLarge("the body", body.length, Sources.MAX_BYTES);
        }
        return type.getSubtype().equals("json") ? Sources.json(body) : Sources.yaml(body);
    }

    /** What a request says about waiting. */
    private record Waiting(
            EnforcementService enforcement, @Nullable Duration timeout) {

        static Waiting of(@Nullable String wait, @Nullable String timeout, EnforcementService enforcement) {
            if (wait == null) {
                return new Waiting(enforcement, null);
            }
            if (!wait.equals("enforced")) {
                throw DocumentProblem.invalidParameter("wait", wait, "wait=enforced");
            }
            return new Waiting(enforcement, enforcement.timeout(timeout));
        }

        /** Null when nobody waits. */
        @Nullable
        Enforcement await(DocumentName name, long revision, Set<PodSelector> selectors) {
            return timeout == null ? null : enforcement.await(name, revision, selectors, timeout);
        }
    }
}

package io.pilus.policy.document;

import static io.pilus.policy.Rest.DOCUMENTS;
import static io.pilus.policy.Rest.YAML;
import static io.pilus.policy.Rest.bytes;
import static io.pilus.policy.Rest.get;
import static io.pilus.policy.Rest.json;
import static io.pilus.policy.Rest.name;
import static io.pilus.policy.Rest.path;
import static io.pilus.policy.Rest.policy;
import static io.pilus.policy.Rest.problem;
import static io.pilus.policy.Rest.yaml;
import static io.restassured.RestAssured.given;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasKey;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import com.google.protobuf.ByteString;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Document;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.Owner;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Versioned;
import io.pilus.policy.source.Sources;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each test has a namespace of its own. */
@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class DocumentResourceIT {

    private final String namespace = name("shop");

    @Inject
    EtcdStore store;

    @Test
    void aDocumentIsCreatedAndPuttingTheSameAgainWritesNothing() {
        var created = yaml(policy(namespace, "api", "api", 80))
                .put(path(namespace, "api"))
                .then()
                .statusCode(201)
                .body(
                        "outcome", is("created"),
                        "kind", is("NetworkPolicy"),
                        "namespace", is(namespace),
                        "name", is("api"))
                .extract();
        long revision = created.jsonPath().getLong("revision");
        assertThat(created.header("ETag")).isEqualTo("\"" + revision + "\"");

        // in JSON, with its fields in another order, and with what Kubernetes adds
        json("""
                {"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "status": {},
                 "spec": {"ingress": [{"ports": [{"port": 80}]}], "podSelector": {"matchLabels": {"app": "api"}}},
                 "metadata": {"uid": "0b5f", "resourceVersion": "42"}}""")
                .put(path(namespace, "api"))
                .then()
                .statusCode(200)
                .header("ETag", created.header("ETag"))
                .body("outcome", is("unchanged"), "revision", is((int) revision));

        assertThat(stored("api").modRevision()).isEqualTo(revision);
        assertThat(stored("api").value().getOwner()).isEqualTo(Owner.OWNER_REST);
    }

    @Test
    void anotherContentIsAnotherRevision() {
        String etag = create("api");

        var updated = yaml(policy(namespace, "api", "api", 81))
                .put(path(namespace, "api"))
                .then()
                .statusCode(200)
                .body("outcome", is("updated"))
                .extract();

        assertThat(updated.header("ETag")).isNotEqualTo(etag);
        get(path(namespace, "api"))
                .statusCode(200)
                .header("ETag", updated.header("ETag"))
                .body(
                        "owner", is("rest"),
                        "revision", is(updated.<Integer>path("revision")),
                        "document.metadata.namespace", is(namespace),
                        "document.spec.ingress[0].ports[0].port", is(81));
    }

    @Test
    void ifMatchKeepsTwoWritersApart() {
        String seen = create("api");
        String mine = given().header("If-Match", seen)
                .spec(yaml(policy(namespace, "api", "api", 81)))
                .put(path(namespace, "api"))
                .then()
                .statusCode(200)
                .extract()
                .header("ETag");

        problem(
                        given().header("If-Match", seen)
                                .spec(yaml(policy(namespace, "api", "api", 82)))
                                .put(path(namespace, "api"))
                                .then(),
                        412,
                        "changed")
                .body("current", is(mine));
        problem(given().header("If-Match", seen).delete(path(namespace, "api")).then(), 412, "changed");
        problem(
                given().header("If-Match", "*")
                        .spec(yaml(policy(namespace, "new", "api", 80)))
                        .put(path(namespace, "new"))
                        .then(),
                412,
                "changed");
        problem(given().header("If-Match", "42").delete(path(namespace, "api")).then(), 400, "invalid-etag");
        given().header("If-Match", mine).delete(path(namespace, "api")).then().statusCode(200);
    }

    @Test
    void aDryRunSaysWhomADocumentWouldSelectAndWritesNothing() {
        identity(7001);
        String document = policy(namespace, "api", "api", 80);

        await().untilAsserted(() -> yaml(document)
                .put(path(namespace, "api") + "?dryRun=true")
                .then()
                .statusCode(200)
                .header("ETag", nullValue())
                .body(
                        "outcome", is("created"),
                        "selected.identities", is(1),
                        "selected.examples[0].identity", is(7001),
                        "selected.examples[0].labels.app", is("api")));
        problem(get(path(namespace, "api")), 404, "unknown-document");

        String etag = create("api");
        yaml(policy(namespace, "api", "api", 81))
                .put(path(namespace, "api") + "?dryRun=true&wait=enforced")
                .then()
                .statusCode(200)
                .header("ETag", etag)
                .body("outcome", is("updated"));
        given().delete(path(namespace, "api") + "?dryRun=true")
                .then()
                .statusCode(200)
                .body("outcome", is("deleted"));
        get(path(namespace, "api")).statusCode(200).header("ETag", etag);
    }

    @Test
    void aDryRunChecksAsMuchAsAWrite() {
        problem(
                yaml(policy(namespace, "api", "api", 70_000))
                        .put(path(namespace, "api") + "?dryRun=true")
                        .then(),
                400,
                "invalid-document");
        owned("theirs");
        problem(
                yaml(policy(namespace, "theirs", "api", 80))
                        .put(path(namespace, "theirs") + "?dryRun=true")
                        .then(),
                409,
                "owned-by-another");
        problem(given().delete(path(namespace, "theirs") + "?dryRun=true").then(), 409, "owned-by-another");
    }

    @Test
    void whatHasNoEffectIsAWarning() {
        yaml("""
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: api}
                spec: {podSelector: {}, policyTypes: [Egress], ingress: [{}]}
                """)
                .put(path(namespace, "api"))
                .then()
                .statusCode(201)
                .body("warnings[0].pointer", is("/spec/ingress"), "warnings[0].detail", containsString("no effect"));
    }

    @Test
    void listsHavePages() {
        List<String> names = IntStream.range(0, 7).mapToObj("p-%d"::formatted).toList();
        names.forEach(this::create);
        String other = name("other");
        yaml(policy(other, "p-9", "api", 80)).put(path(other, "p-9")).then().statusCode(201);

        List<String> listed = new ArrayList<>();
        String from = "";
        int pages = 0;
        do {
            var page = given().queryParam("kind", "NetworkPolicy")
                    .queryParam("namespace", namespace)
                    .queryParam("limit", 3)
                    .queryParam("from", from)
                    .get(DOCUMENTS)
                    .then()
                    .statusCode(200)
                    .extract();
            listed.addAll(page.path("items.name"));
            from = page.path("next");
            pages++;
        } while (from != null);

        assertThat(listed).isEqualTo(names);
        assertThat(pages).isEqualTo(3);
        get(DOCUMENTS + "?limit=1000").statusCode(200).body("items.size()", greaterThan(7));
        get(DOCUMENTS + "?kind=NetworkPolicy&namespace=" + name("none")).body("items", is(empty()));
        problem(get(DOCUMENTS + "?limit=0"), 400, "invalid-page");
        problem(get(DOCUMENTS + "?namespace=" + namespace), 400, "invalid");
        problem(get(DOCUMENTS + "?kind=Ingress"), 404, "unknown-kind");
    }

    @Test
    void aDeletedDocumentIsGone() {
        create("api");

        given().delete(path(namespace, "api"))
                .then()
                .statusCode(200)
                .header("ETag", nullValue())
                .body("outcome", is("deleted"), "revision", notNullValue());

        problem(get(path(namespace, "api")), 404, "unknown-document")
                .body("detail", containsString("NetworkPolicy " + namespace + "/api"));
        problem(given().delete(path(namespace, "api")).then(), 404, "unknown-document");
        problem(get(path(namespace, "api") + "/status"), 404, "unknown-document");
        assertThat(store.get(Keys.document("NetworkPolicy", namespace, "api"))).isEmpty();
    }

    @Test
    void ofSeveralDocumentsAllAreAppliedInOneRevisionOrNone() {
        String good = policy(namespace, "one", "api", 80) + "---\n" + policy(namespace, "two", "api", 80);

        yaml(good)
                .post(DOCUMENTS)
                .then()
                .statusCode(200)
                .body("items.name", contains("one", "two"), "items.outcome", contains("created", "created"));
        assertThat(stored("one").modRevision()).isEqualTo(stored("two").modRevision());

        problem(
                        yaml(policy(namespace, "three", "api", 80) + "---\n" + policy(namespace, "four", "api", 0))
                                .post(DOCUMENTS)
                                .then(),
                        400,
                        "invalid-document")
                .body("detail", containsString("document 2"));
        problem(
                yaml(policy(namespace, "three", "api", 80) + "---\n" + policy(namespace, "three", "api", 81))
                        .post(DOCUMENTS)
                        .then(),
                400,
                "invalid-document");
        problem(yaml("---\n").post(DOCUMENTS).then(), 400, "invalid-document");
        get(path(namespace, "three")).statusCode(404);
    }

    @Test
    void whatKubernetesOwnsRestDoesNotTouch() {
        Document owned = owned("api");

        problem(
                        yaml(policy(namespace, "api", "api", 80))
                                .put(path(namespace, "api"))
                                .then(),
                        409,
                        "owned-by-another")
                .body("owner", is("kubernetes"));
        problem(given().delete(path(namespace, "api")).then(), 409, "owned-by-another");
        problem(
                yaml(policy(namespace, "mine", "api", 80) + "---\n" + policy(namespace, "api", "api", 80))
                        .post(DOCUMENTS)
                        .then(),
                409,
                "owned-by-another");

        assertThat(stored("api").value()).isEqualTo(owned);
        get(path(namespace, "api")).statusCode(200).body("owner", is("kubernetes"));
        get(path(namespace, "mine")).statusCode(404);
    }

    @Test
    void yamlThatIsNoneIsRefusedByLineAndColumn() {
        problem(
                        yaml("apiVersion: networking.k8s.io/v1\nkind: [NetworkPolicy\nspec: {}\n")
                                .put(path(namespace, "api"))
                                .then(),
                        400,
                        "malformed-yaml")
                .body("errors[0].line", is(3), "errors[0].column", is(5), "detail", containsString("line 3, column 5"));
        problem(
                        yaml("kind: NetworkPolicy\nkind: Other\n")
                                .put(path(namespace, "api"))
                                .then(),
                        400,
                        "malformed-yaml")
                .body("errors[0].line", is(2), "errors[0].detail", containsString("'kind' is there twice"));
        problem(
                bytes(YAML, new byte[] {(byte) 0xc3, 0x28})
                        .put(path(namespace, "api"))
                        .then(),
                400,
                "malformed-yaml");
    }

    @Test
    void jsonThatIsNoneIsRefusedByLineAndColumn() {
        problem(json("{\n  \"kind\": nothing}").put(path(namespace, "api")).then(), 400, "malformed-json")
                .body("errors[0].line", is(2), "errors[0].column", notNullValue());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
                    {podSelectors: {}}                                                          | /spec/podSelectors  | no field is called
                    {podSelector: {}, ingress: [{form: []}]}                                    | /spec/ingress/0/form | there are from, ports
                    {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/8}}]}]}       | /spec/ingress/0/from/0/ipBlock/cidr | 10.0.0.0/8
                    {podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/24]}}]}]} | /spec/egress/0/to/0/ipBlock/except/0 | is not a part of 10.0.0.0/8
                    {podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: ["fd00::/16"]}}]}]} | /spec/egress/0/to/0/ipBlock/except/0 | is not a part of
                    {podSelector: {}, ingress: [{ports: [{port: 80, endPort: 79}]}]}            | /spec/ingress/0/ports/0/endPort | below port 80
                    {podSelector: {}, ingress: [{ports: [{port: 80, protocol: ICMP}]}]}         | /spec/ingress/0/ports/0/protocol | TCP, UDP, SCTP
                    """)
    void whatIsNoDocumentIsRefusedWhereItIsWrong(String spec, String pointer, String detail) {
        problem(
                        yaml("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: " + spec)
                                .put(path(namespace, "api"))
                                .then(),
                        400,
                        "invalid-document")
                .body("errors[0].pointer", is(pointer), "errors[0].detail", containsString(detail));
        assertThat(store.get(Keys.document("NetworkPolicy", namespace, "api"))).isEmpty();
    }

    @Test
    void aDocumentIsTheOneThatItsUrlSays() {
        problem(
                        yaml(policy(namespace, "web", "api", 80))
                                .put(path(namespace, "api"))
                                .then(),
                        400,
                        "invalid-document")
                .body("errors[0].pointer", is("/metadata/name"));
        problem(
                yaml(policy(namespace, "api", "api", 80))
                        .put(DOCUMENTS + "/Ingress/" + namespace + "/api")
                        .then(),
                404,
                "unknown-kind");
        problem(get(DOCUMENTS + "/NetworkPolicy/-/api"), 400, "invalid-name");
        problem(
                        yaml("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: api}\n")
                                .post(DOCUMENTS)
                                .then(),
                        400,
                        "invalid-document")
                .body("errors[0].pointer", is("/kind"));
        bytes("text/plain", "kind: NetworkPolicy".getBytes(UTF_8))
                .put(path(namespace, "api"))
                .then()
                .statusCode(415)
                .contentType("application/problem+json");
    }

    @Test
    void aRequestHasAHundredDocumentsAtMostAndAPutOne() {
        String hundred = IntStream.range(0, 100)
                .mapToObj(i -> policy(namespace, "p-" + i, "api", 80))
                .collect(Collectors.joining("---\n"));
        yaml(hundred).post(DOCUMENTS).then().statusCode(200).body("items.size()", is(100));

        problem(
                yaml(hundred + "---\n" + policy(namespace, "p-100", "api", 80))
                        .post(DOCUMENTS)
                        .then(),
                400,
                "too-many-documents");
        problem(
                yaml(policy(namespace, "api", "api", 80) + "---\n" + policy(namespace, "web", "api", 80))
                        .put(path(namespace, "api"))
                        .then(),
                400,
                "too-many-documents");
        get(path(namespace, "p-100")).statusCode(404);
    }

    @Test
    void aBodyOfMoreThanAMebibyteIsTooLarge() {
        problem(
                        json(padded("api", Sources.MAX_BYTES + 1))
                                .put(path(namespace, "api"))
                                .then(),
                        413,
                        "document-too-large")
                .body("bytes", is(Sources.MAX_BYTES + 1), "limit", is(Sources.MAX_BYTES));
        problem(
                        json(padded("api", Sources.MAX_STORED_BYTES + 1))
                                .put(path(namespace, "api"))
                                .then(),
                        413,
                        "document-too-large")
                .body("bytes", is(Sources.MAX_STORED_BYTES + 1), "limit", is(Sources.MAX_STORED_BYTES));

        json(padded("api", Sources.MAX_STORED_BYTES))
                .put(path(namespace, "api"))
                .then()
                .statusCode(201);
        assertThat(stored("api").value().getSource().size()).isEqualTo(Sources.MAX_STORED_BYTES);
    }

    @Test
    void documentsThatTogetherAreTooLargeForOneTransactionAreRefused() {
        problem(
                        yaml(padded("a", 600_000) + "\n---\n" + padded("b", 400_000) + "\n---\n" + padded("c", 48_400))
                                .post(DOCUMENTS)
                                .then(),
                        413,
                        "document-too-large")
                .body("bytes", greaterThan(1 << 20), "limit", is(1 << 20));
        get(path(namespace, "a")).statusCode(404);
    }

    /** The ports are there once for pods and once for addresses. */
    @Test
    void aDocumentWhoseCompiledFormIsTooLargeIsRefusedEvenBeforeItSelectsAnybody() {
        String peers = "{\"podSelector\": {}}, {\"ipBlock\": {\"cidr\": \"10.0.0.0/8\"}}";

        problem(
                        json(rule("api", peers, ports(50_000)))
                                .put(path(namespace, "api"))
                                .then(),
                        413,
                        "document-too-large")
                .body("detail", containsString("compiled"), "bytes", greaterThan(Sources.MAX_STORED_BYTES));

        json(rule("api", peers, ports(40_000)))
                .put(path(namespace, "api"))
                .then()
                .statusCode(201);
        long selecting = identity(7002);
        await().atMost(Duration.ofSeconds(20))
                .until(() -> store.get(Keys.COMPILED)
                        .filter(compiled -> compiled.value().getRevision() >= selecting)
                        .isPresent());
        assertThat(store.get(Keys.identityPolicy(7002)).orElseThrow().value().getPoliciesList())
                .hasSize(1);
    }

    @Test
    void aDocumentWhoseAddressesAreTooLargeCompiledIsRefused() {
        String except = IntStream.range(0x2000, 0x2000 + 50_000)
                .mapToObj(i -> "\"%x::/16\"".formatted(i))
                .collect(Collectors.joining(","));

        problem(
                        json(rule("api", "{\"ipBlock\": {\"cidr\": \"::/0\", \"except\": [" + except + "]}}", "[]"))
                                .put(path(namespace, "api"))
                                .then(),
                        413,
                        "document-too-large")
                .body("detail", containsString("compiled"));
    }

    @Test
    void whoAlwaysComesSecondIsToldSo() throws Exception {
        var name = Keys.document("NetworkPolicy", namespace, "api");
        create("api");
        Document any = stored("api").value();
        var over = new AtomicBoolean();
        try (var others = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 8; i++) {
                var _ = others.submit(() -> {
                    while (!over.get()) {
                        store.transaction().put(name, any).commit();
                    }
                    return over;
                });
            }
            try {
                await().atMost(Duration.ofSeconds(60))
                        .untilAsserted(() -> problem(
                                yaml(policy(namespace, "api", "api", 81))
                                        .put(path(namespace, "api"))
                                        .then(),
                                503,
                                "document-contended"));
            } finally {
                over.set(true);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/q/openapi", "/q/swagger-ui/", "/q/health", "/q/metrics"})
    void theServiceExplainsItself(String path) {
        await().untilAsserted(() -> get(path).statusCode(200));
    }

    @Test
    void theInterfaceIsDescribedAndTheHealthSaysWhoLeads() {
        given().accept("application/json")
                .get("/q/openapi")
                .then()
                .body("paths", hasKey(DOCUMENTS), "paths", hasKey(DOCUMENTS + "/{kind}/{namespace}/{name}"));
        await().untilAsserted(() -> get("/q/health/ready")
                .statusCode(200)
                .body("checks.find { it.name == 'policy' }.data.leads", is(true)));
        get("/q/metrics").body(containsString("http_server_requests"));
    }

    private String create(String name) {
        return yaml(policy(namespace, name, "api", 80))
                .put(path(namespace, name))
                .then()
                .statusCode(201)
                .extract()
                .header("ETag");
    }

    private Versioned<Document> stored(String name) {
        return store.get(Keys.document("NetworkPolicy", namespace, name)).orElseThrow();
    }

    private Document owned(String name) {
        var owned = Document.newBuilder()
                .setKind("NetworkPolicy")
                .setNamespace(namespace)
                .setName(name)
                .setSource(ByteString.copyFromUtf8(rule(name, "{\"podSelector\": {}}", "[]")))
                .setOwner(Owner.OWNER_KUBERNETES)
                .build();
        store.transaction()
                .put(Keys.document("NetworkPolicy", namespace, name), owned)
                .commit();
        return owned;
    }

    /** Somebody of the namespace, whose {@code app} is {@code api}. */
    private long identity(int id) {
        return store.transaction()
                .put(
                        Keys.identity(id),
                        Identity.newBuilder()
                                .setId(id)
                                .setLabelSet(LabelSet.newBuilder()
                                        .setNamespace(namespace)
                                        .putLabels("app", "api"))
                                .build())
                .commit()
                .revision();
    }

    /** A document of so many bytes, written as it is stored. */
    private String padded(String name, int bytes) {
        String frame =
                "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{\"name\":\"%s\","
                                .formatted(name)
                        + "\"namespace\":\"%s\",\"annotations\":{\"padding\":\"%%s\"}},\"spec\":{\"podSelector\":{}}}"
                                .formatted(namespace);
        return frame.formatted("x".repeat(bytes - frame.formatted("").length()));
    }

    private String rule(String name, String peers, String ports) {
        return """
                {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                 "metadata": {"name": "%s", "namespace": "%s"},
                 "spec": {"podSelector": {}, "ingress": [{"from": [%s], "ports": %s}]}}""".formatted(name, namespace, peers, ports);
    }

    private static String ports(int count) {
        return IntStream.range(10_000, 10_000 + count)
                .mapToObj(port -> "{\"port\":%d}".formatted(port))
                .collect(Collectors.joining(",", "[", "]"));
    }
}

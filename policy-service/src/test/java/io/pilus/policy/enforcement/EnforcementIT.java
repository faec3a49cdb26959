package io.pilus.policy.enforcement;

import static io.pilus.policy.Rest.DOCUMENTS;
import static io.pilus.policy.Rest.get;
import static io.pilus.policy.Rest.name;
import static io.pilus.policy.Rest.path;
import static io.pilus.policy.Rest.policy;
import static io.pilus.policy.Rest.problem;
import static io.pilus.policy.Rest.yaml;
import static io.restassured.RestAssured.given;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import com.google.protobuf.MessageLite;
import io.etcd.jetcd.ByteSequence;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Awaited;
import io.pilus.contract.v1.AwaitedDocument;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.Liveness;
import io.pilus.contract.v1.Realised;
import io.pilus.contract.v1.RealisedError;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Versioned;
import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.policy.PolicyConfig;
import io.pilus.policy.compile.IntentState;
import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.rule.LabelSelector;
import io.pilus.policy.rule.PodSelector;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.eclipse.microprofile.config.ConfigProvider;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.roaringbitmap.RoaringBitmap;

/** The test plays the nodes; each test has a namespace, identities and nodes of its own. */
@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class EnforcementIT {

    private static final AtomicInteger IDENTITIES = new AtomicInteger(8000);

    private final String namespace = name("shop");

    @Inject
    EtcdStore store;

    @Inject
    NodeStates nodes;

    @Inject
    IntentState intent;

    @Inject
    PolicyConfig config;

    @AfterEach
    void nobodyIsWaitedForAnyMore() {
        assertThat(awaited()).isEmpty();
    }

    @Test
    void aConnectionOutlivesTheLongestWait() {
        Duration idle = ConfigProvider.getConfig().getValue("quarkus.http.idle-timeout", Duration.class);

        assertThat(idle).isGreaterThan(config.longestWait());
    }

    @Test
    void aDocumentIsEnforcedWhenEveryNodeThatItConcernsHasRealisedIt() {
        int api = identity("api");
        String one = node(api);
        String two = node(api);
        String elsewhere = node(identity("web"));

        var answer = inBackground(() -> put("api", "api", "30s"));
        long compiled = compiled(revisionOf("api"));
        assertThat(awaited()).containsExactly("api");
        realised(one, compiled);
        status("api").body("state", is("pending"), "enforced", contains(one), "pending", contains(two));
        assertThat(answer).isNotDone();
        realised(two, compiled + 1);

        answer.orTimeout(20, SECONDS)
                .join()
                .statusCode(200)
                .body(
                        "outcome", is("created"),
                        "compiledAt", is((int) compiled),
                        "enforced", containsInAnyOrder(one, two),
                        "pending", nullValue());
        status("api").body("state", is("enforced"), "enforced", containsInAnyOrder(one, two));
        assertThat(nodes.realised(elsewhere).getRevision()).isZero();
    }

    @Test
    void aDocumentThatConcernsNobodyIsEnforcedWhenItIsCompiled() {
        node(identity("web"));

        put("api", "nobody", "30s").statusCode(200).body("compiledAt", notNullValue(), "enforced", nullValue());
    }

    @Test
    void atTheDeadlineTheNodesThatHaveNotRealisedItAreNamed() {
        int api = identity("api");
        String enforced = node(api);
        String pending = node(api);
        String longSilent = name("node");
        String silent = node(api);
        String refusing = node(api);
        var before = Instant.now();
        realised(enforced, Long.MAX_VALUE);
        realised(refusing, Long.MAX_VALUE, error("full", "no room", document("api")));
        store.transaction()
                .delete(Keys.live(silent))
                .put(
                        Keys.workload(longSilent, "u"),
                        Workload.newBuilder().setUid("u").setIdentity(api).build())
                .put(
                        Keys.realised(longSilent),
                        Realised.newBuilder()
                                .setRevision(1)
                                .setAtEpochMs(
                                        Instant.parse("2026-01-02T03:04:05Z").toEpochMilli())
                                .build())
                .commit();
        await().until(() -> nodes.silentSince(silent) != null && nodes.silentSince(longSilent) != null);

        var answer = put("api", "api", "1500ms");

        answer.statusCode(202)
                .body(
                        "outcome", is("created"),
                        "enforced", contains(enforced),
                        "pending", contains(pending),
                        "silent.node", containsInAnyOrder(longSilent, silent),
                        "refusing.node", contains(refusing),
                        "refusing[0].reason", is("full"),
                        "refusing[0].message", is("no room"));
        Map<String, String> since = new HashMap<>();
        answer.extract()
                .<List<Map<String, String>>>path("silent")
                .forEach(one -> since.put(one.get("node"), one.get("since")));
        assertThat(Instant.parse(since.get(silent))).isBetween(before, Instant.now());
        assertThat(since).containsEntry(longSilent, "2026-01-02T03:04:05Z");
        status("api").body("state", is("pending"), "refusing.node", contains(refusing));
    }

    /** A replica whose watch of the nodes is behind its other watches. */
    @Test
    void aDocumentIsNotEnforcedBeforeItIsKnownWhichNodesItConcerns() {
        int api = identity("api");
        var document = new DocumentName("NetworkPolicy", namespace, "api");
        put("api", "api", "30s").statusCode(200);
        long revision = revisionOf("api");
        var selectors = Set.of(PodSelector.in(namespace, LabelSelector.EVERYTHING));
        var behind = new NodeStates(Clock.systemUTC());
        var service = new EnforcementService(store, intent, behind, config, Clock.systemUTC());
        behind.compiled(new EtcdChange.Snapshot(List.of(entry(Keys.COMPILED)), revision, null));
        assertThat(service.state(document, revision, selectors).isComplete()).isFalse();

        behind.nodes(new EtcdChange.Snapshot(List.of(), revision - 1, null));
        String node = node(api);
        assertThat(service.state(document, revision, selectors).isComplete()).isFalse();

        var workload = entry(Keys.workload(node, "u"));
        behind.nodes(new EtcdChange.Revision(
                List.of(new EtcdChange.Event.Put(workload.key(), workload.value(), workload.modRevision())),
                workload.modRevision()));
        assertThat(service.state(document, revision, selectors).silent()).hasSize(1);

        store.transaction().delete(Keys.workload(node, "u")).commit();
        behind.nodes(new EtcdChange.Revision(
                List.of(new EtcdChange.Event.Deleted(workload.key())), workload.modRevision() + 1));
        assertThat(service.state(document, revision, selectors).isComplete()).isTrue();
    }

    @Test
    void aSilentNodeThatHasRealisedItIsEnforced() {
        String node = node(identity("api"));
        realised(node, Long.MAX_VALUE);
        store.transaction().delete(Keys.live(node)).commit();
        await().until(() -> nodes.silentSince(node) != null);

        put("api", "api", "30s").statusCode(200).body("enforced", contains(node));
    }

    @Test
    void aNodeRefusesADocumentThatIsOneOfSeveralInItsError() {
        String node = node(identity("api"));
        realised(node, Long.MAX_VALUE, error("full", "no room for both", document("other"), document("api")));

        put("api", "api", "1s").statusCode(202).body("refusing.node", contains(node), "enforced", nullValue());
        put("other", "api", "1s").statusCode(202).body("refusing.node", contains(node));
        put("third", "api", "30s").statusCode(200).body("enforced", contains(node));
    }

    @Test
    void anErrorOfWhichTheDocumentIsNotKnownRefusesEveryDocument() {
        String node = node(identity("api"));
        realised(node, Long.MAX_VALUE, error("missing", "the key has not come"));

        put("api", "api", "1s").statusCode(202).body("refusing.node", contains(node));

        realised(node, Long.MAX_VALUE);
        put("api", "api", "30s").statusCode(200).body("outcome", is("unchanged"), "enforced", contains(node));
    }

    @Test
    void aDeletionIsEnforcedWhereTheDocumentWas() {
        String node = node(identity("api"));
        realised(node, Long.MAX_VALUE);
        put("api", "api", "30s").statusCode(200);
        realised(node, 1);

        given().delete(path(namespace, "api") + "?wait=enforced&timeout=1s")
                .then()
                .statusCode(202)
                .body("outcome", is("deleted"), "pending", contains(node));

        put("api", "api", "1s").statusCode(202);
        realised(node, Long.MAX_VALUE);
        given().delete(path(namespace, "api") + "?wait=enforced&timeout=30s")
                .then()
                .statusCode(200)
                .body("enforced", contains(node));
    }

    @Test
    void aNodeThatADocumentNoLongerSelectsHasToLetGoOfIt() {
        String was = node(identity("api"));
        String becomes = node(identity("web"));
        realised(was, Long.MAX_VALUE);
        realised(becomes, Long.MAX_VALUE);
        put("p", "api", "30s").statusCode(200).body("enforced", contains(was));
        realised(was, 1);

        put("p", "web", "1s").statusCode(202).body("enforced", contains(becomes), "pending", contains(was));
    }

    @Test
    void aWorkloadCountsAsWhatItIsStillAttachedAs() {
        String node = node(identity("web"));
        int api = identity("api");
        store.transaction()
                .put(
                        Keys.attached(node, "u"),
                        Attached.newBuilder().setUid("u").setIdentity(api).build())
                .commit();
        await().until(() -> !nodes.nodesOf(RoaringBitmap.bitmapOf(api)).isEmpty());

        put("api", "api", "1s").statusCode(202).body("pending", contains(node));
    }

    @Test
    void severalDocumentsAreWaitedForTogether() {
        String node = node(identity("api"));
        realised(node, Long.MAX_VALUE, error("full", "no room", document("two")));
        String both = policy(namespace, "one", "api", 80) + "---\n" + policy(namespace, "two", "api", 80);

        yaml(both)
                .post(DOCUMENTS + "?wait=enforced&timeout=1s")
                .then()
                .statusCode(202)
                .body("items[0].enforced", contains(node), "items[1].refusing.node", contains(node));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "wait=applied",
                "wait=enforced&timeout=soon",
                "wait=enforced&timeout=6m",
                "wait=enforced&timeout=-1s"
            })
    void aWaitThatIsNotUnderstoodIsRefusedAndNothingIsWritten(String query) {
        problem(
                yaml(policy(namespace, "api", "api", 80))
                        .put(path(namespace, "api") + "?" + query)
                        .then(),
                400,
                "invalid");
        get(path(namespace, "api")).statusCode(404);
    }

    private ValidatableResponse put(String document, String app, String timeout) {
        return yaml(policy(namespace, document, app, 80))
                .put(path(namespace, document) + "?wait=enforced&timeout=" + timeout)
                .then();
    }

    private static <T> CompletableFuture<T> inBackground(Supplier<T> call) {
        return CompletableFuture.supplyAsync(call, task -> Thread.ofVirtual().start(task));
    }

    private ValidatableResponse status(String document) {
        return get(path(namespace, document) + "/status").statusCode(200);
    }

    private String document(String name) {
        return "NetworkPolicy " + namespace + "/" + name;
    }

    private long revisionOf(String document) {
        var key = Keys.document("NetworkPolicy", namespace, document);
        return await().until(() -> store.get(key), Optional::isPresent)
                .orElseThrow()
                .modRevision();
    }

    /** The revision at which nodes see what {@code intent/} held at this one. */
    private long compiled(long intentRevision) {
        return await().until(() -> nodes.compiledAt(intentRevision), OptionalLong::isPresent)
                .orElseThrow();
    }

    private List<String> awaited() {
        return store
                .get(Keys.AWAITED)
                .map(Versioned::value)
                .orElse(Awaited.getDefaultInstance())
                .getDocumentsList()
                .stream()
                .filter(document -> document.getNamespace().equals(namespace))
                .map(AwaitedDocument::getName)
                .toList();
    }

    private int identity(String app) {
        int id = IDENTITIES.incrementAndGet();
        store.transaction()
                .put(
                        Keys.identity(id),
                        Identity.newBuilder()
                                .setId(id)
                                .setLabelSet(LabelSet.newBuilder()
                                        .setNamespace(namespace)
                                        .putLabels("app", app)
                                        .putLabels("id", "i" + id))
                                .build())
                .commit();
        return id;
    }

    /** A node that lives, has realised nothing, and to which a workload of this identity is assigned. */
    private String node(int identity) {
        String node = name("node");
        store.transaction()
                .put(Keys.live(node), Liveness.getDefaultInstance())
                .put(
                        Keys.workload(node, "u"),
                        Workload.newBuilder().setUid("u").setIdentity(identity).build())
                .commit();
        await().until(() -> nodes.isLive(node)
                && nodes.nodesOf(RoaringBitmap.bitmapOf(identity)).contains(node));
        return node;
    }

    private void realised(String node, long revision, RealisedError... errors) {
        var realised = Realised.newBuilder()
                .setRevision(revision)
                .setLevel(1)
                .addAllErrors(List.of(errors))
                .build();
        store.transaction().put(Keys.realised(node), realised).commit();
        await().until(() -> nodes.realised(node).equals(realised));
    }

    private <M extends MessageLite> EtcdChange.Entry entry(Key<M> key) {
        var found = store.get(key).orElseThrow();
        return new EtcdChange.Entry(found.key(), ByteSequence.from(found.value().toByteArray()), found.modRevision());
    }

    private static RealisedError error(String reason, String message, String... documents) {
        return RealisedError.newBuilder()
                .setSubject("policies of identity 300")
                .setReason(reason)
                .setMessage(message)
                .addAllDocuments(List.of(documents))
                .build();
    }
}

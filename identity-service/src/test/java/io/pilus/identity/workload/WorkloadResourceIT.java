package io.pilus.identity.workload;

import static io.pilus.identity.Rest.PROBLEM;
import static io.pilus.identity.Rest.delete;
import static io.pilus.identity.Rest.get;
import static io.pilus.identity.Rest.json;
import static io.pilus.identity.Rest.name;
import static io.pilus.identity.Rest.namespace;
import static io.pilus.identity.Rest.node;
import static io.pilus.identity.Rest.workload;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import io.pilus.contract.Identities;
import io.pilus.contract.Keys;
import io.pilus.contract.LabelSets;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.Owner;
import io.pilus.contract.v1.Workload;
import io.pilus.contract.v1.WorkloadLocation;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Versioned;
import io.pilus.identity.Rest.Posted;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class WorkloadResourceIT {

    @Inject
    EtcdStore store;

    @Test
    void aWorkloadGetsAUidAndAnIdentity() {
        String namespace = namespace();
        String node = node();

        String uid = json("""
                {"namespace": "%s", "name": "web-0", "node": "%s", "labels": {"app": "web"}, "serviceAccount": "web",
                 "ports": [{"name": "http", "port": 8080}, {"name": "dns", "protocol": "UDP", "port": 53}]}""".formatted(namespace, node))
                .post("/v1/workloads")
                .then()
                .statusCode(201)
                .header("Location", endsWith("/v1/workloads/" + namespace + "/web-0"))
                .header("ETag", notNullValue())
                .body(
                        "identity", greaterThanOrEqualTo(Identities.FIRST),
                        "owner", is("rest"),
                        "ports.protocol", contains("TCP", "UDP"))
                .extract()
                .path("uid");

        get("/v1/workloads/" + namespace + "/web-0").statusCode(200).body("uid", is(uid), "labels.app", is("web"));
        assertThat(store.get(Keys.workload(node, uid)).orElseThrow().value().getOwner())
                .isEqualTo(Owner.OWNER_REST);
    }

    @Test
    void ofABatchEachIsCreatedForItself() {
        String namespace = namespace();
        String node = node();
        workload(namespace, "taken", node, Map.of());

        json("""
                {"items": [
                 {"namespace": "%1$s", "name": "one", "node": "%2$s", "labels": {"app": "web"}},
                 {"namespace": "%1$s", "name": "taken", "node": "%2$s"},
                 {"namespace": "%1$s", "name": "two", "node": "%2$s", "labels": {"app": "web"}},
                 {"namespace": "%1$s", "name": "three", "node": "nowhere"},
                 {"namespace": "%1$s", "name": "one", "node": "%2$s"}]}""".formatted(namespace, node))
                .post("/v1/workloads/batch")
                .then()
                .statusCode(200)
                .body(
                        "items.status", contains(201, 409, 201, 404, 409),
                        "items[0].workload.name", is("one"),
                        "items[0].workload.identity", greaterThanOrEqualTo(Identities.FIRST),
                        "items[0].problem", nullValue(),
                        "items[1].problem.type", is("urn:pilus:problem:workload-exists"),
                        "items[1].problem.detail", containsString("taken"),
                        "items[1].workload", nullValue(),
                        "items[2].workload.name", is("two"),
                        "items[3].problem.node", is("nowhere"));

        int one = get("/v1/workloads/" + namespace + "/one").extract().path("identity");
        int two = get("/v1/workloads/" + namespace + "/two").extract().path("identity");
        assertThat(one).isEqualTo(two);
        get("/v1/workloads/" + namespace + "/three").statusCode(404);
    }

    @Test
    void aBatchWithSomethingInvalidIsRefusedWhole() {
        String namespace = namespace();
        String node = node();

        json("""
                {"items": [{"namespace": "%1$s", "name": "good", "node": "%2$s"},
                           {"namespace": "%1$s", "name": "bad", "node": "%2$s", "labels": {"-": "x"}}]}""".formatted(namespace, node))
                .post("/v1/workloads/batch")
                .then()
                .statusCode(400)
                .contentType(PROBLEM)
                .body("errors[0].pointer", containsString("/items/1/labels"));
        get("/v1/workloads/" + namespace + "/good").statusCode(404);

        json("{\"items\": []}")
                .post("/v1/workloads/batch")
                .then()
                .statusCode(400)
                .body("errors[0].pointer", is("/items"));
    }

    @Test
    void equalLabelSetsShareAnIdentityAndOthersDoNot() {
        String namespace = namespace();
        String other = namespace();
        String node = node();

        int one = workload(namespace, "a", node, Map.of("app", "web", "pod-template-hash", "1"))
                .identity();
        int same = workload(namespace, "b", node(), Map.of("app", "web", "pod-template-hash", "2"))
                .identity();
        int labelled = workload(namespace, "c", node, Map.of("app", "db")).identity();
        int elsewhere = workload(other, "a", node, Map.of("app", "web")).identity();

        assertThat(same).isEqualTo(one);
        assertThat(List.of(one, labelled, elsewhere)).doesNotHaveDuplicates();
    }

    @Test
    void theIdentityKeysNameEachOther() {
        String node = node();
        Posted posted = workload(namespace(), "web", node, Map.of("app", "web"));

        Workload workload =
                store.get(Keys.workload(node, posted.uid())).orElseThrow().value();
        var identity = store.get(Keys.identity(posted.identity())).orElseThrow().value();

        assertThat(identity.getLabelSet()).isEqualTo(workload.getLabelSet());
        assertThat(store.get(Keys.labels(LabelSets.hash(workload.getLabelSet())))
                        .orElseThrow()
                        .value()
                        .getId())
                .isEqualTo(posted.identity());
    }

    @Test
    void aWorkloadCarriesTheRevisionOfWhatWasCompiledBeforeIt() {
        String node = node();
        long compiled = store.transaction()
                .put(Keys.COMPILED, Compiled.newBuilder().setRevision(7).build())
                .commit()
                .revision();

        Posted posted = workload(namespace(), "web", node, Map.of());

        assertThat(store.get(Keys.workload(node, posted.uid()))
                        .orElseThrow()
                        .value()
                        .getPolicyFloor())
                .isEqualTo(compiled);
    }

    @Test
    void aNameIsTakenOnce() {
        String namespace = namespace();
        String node = node();
        workload(namespace, "web", node, Map.of());

        json(Map.of("namespace", namespace, "name", "web", "node", node()))
                .post("/v1/workloads")
                .then()
                .statusCode(409)
                .contentType(PROBLEM)
                .body(
                        "type", is("urn:pilus:problem:workload-exists"),
                        "detail", containsString("PUT /v1/workloads/" + namespace + "/web"));
    }

    @Test
    void aNodeThatIsNotThereIsNamed() {
        json(Map.of("namespace", namespace(), "name", "web", "node", "nowhere"))
                .post("/v1/workloads")
                .then()
                .statusCode(404)
                .contentType(PROBLEM)
                .body(
                        "type", is("urn:pilus:problem:unknown-node"),
                        "node", is("nowhere"),
                        "detail", containsString("PUT /v1/nodes/nowhere"));
    }

    @Test
    void aNamespaceThatIsNotThereIsNamed() {
        json(Map.of("namespace", "nowhere", "name", "web", "node", node()))
                .post("/v1/workloads")
                .then()
                .statusCode(404)
                .contentType(PROBLEM)
                .body(
                        "type", is("urn:pilus:problem:unknown-namespace"),
                        "detail", containsString("PUT /v1/namespaces/nowhere"));
    }

    @Test
    void aPoolThatIsNotThereIsNamed() {
        json(Map.of("namespace", namespace(), "name", "web", "node", node(), "pool", "nowhere"))
                .post("/v1/workloads")
                .then()
                .statusCode(404)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:unknown-pool"), "pool", is("nowhere"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
                    {"name": "a", "node": "n"}                                                        | /namespace
                    {"namespace": "a", "name": "A", "node": "n"}                                      | /name
                    {"namespace": "a", "name": "a", "node": "n/../m"}                                 | /node
                    {"namespace": "a", "name": "a", "node": "n", "labels": {"a b": "c"}}              | /labels/a b
                    {"namespace": "a", "name": "a", "node": "n", "labels": {"a": "-"}}                | /labels/a
                    {"namespace": "a", "name": "a", "node": "n", "labels": {"a": null}}               | /labels/a
                    {"namespace": "a", "name": "a", "node": "n", "ports": [null]}                     | /ports/0
                    {"namespace": "a", "name": "a", "node": "n", "ports": [{"name": "80", "port": 80}]}     | /ports/0/name
                    {"namespace": "a", "name": "a", "node": "n", "ports": [{"name": "http", "port": 0}]}    | /ports/0/port
                    {"namespace": "a", "name": "a", "node": "n", "ports": [{"name": "p", "port": 8, "protocol": "ICMP"}]} | /ports/0/protocol
                    {"namespace": "a", "name": "a", "node": "n", "ports": [{"name": "p", "port": 8}, {"name": "p", "port": 9, "protocol": "TCP"}]} | /ports/1
                    {"namespace": "a", "name": "a", "node": "n", "serviceAccount": "A"}               | /serviceAccount
                    {"namespace": "a", "name": "a", "node": "n", "uid": "mine"}                       | /uid
                    """)
    void whatIsNotAWorkloadIsRefusedWhereItIsWrong(String body, String pointer) {
        json(body)
                .post("/v1/workloads")
                .then()
                .statusCode(400)
                .contentType(PROBLEM)
                .body("errors[0].pointer", is(pointer));
    }

    @Test
    void relabellingKeepsTheUidAndChangesTheIdentity() {
        String namespace = namespace();
        String node = node();
        Posted before = workload(namespace, "web", node, Map.of("app", "web"));

        Posted after = put(namespace, "web", node, Map.of("app", "db"), 200);

        assertThat(after.uid()).isEqualTo(before.uid());
        assertThat(after.identity()).isNotEqualTo(before.identity());
        assertThat(after.etag()).isNotEqualTo(before.etag());
        get("/v1/workloads/" + namespace + "/web").body("identity", is(after.identity()), "labels.app", is("db"));
    }

    @Test
    void aLabelThatNamesTheInstanceChangesNoIdentity() {
        String namespace = namespace();
        String node = node();
        Posted before = workload(namespace, "web", node, Map.of("app", "web"));

        Posted after = put(namespace, "web", node, Map.of("app", "web", "controller-uid", "42"), 200);

        assertThat(after.identity()).isEqualTo(before.identity());
    }

    @Test
    void puttingTheSameAgainWritesNothing() {
        String namespace = namespace();
        String node = node();
        Posted first = put(namespace, "web", node, Map.of("app", "web"), 201);

        Posted again = put(namespace, "web", node, Map.of("app", "web"), 200);

        assertThat(again).isEqualTo(first);
    }

    @Test
    void aWorkloadDoesNotMove() {
        String namespace = namespace();
        String node = node();
        workload(namespace, "web", node, Map.of());

        json(Map.of("node", node()))
                .put("/v1/workloads/" + namespace + "/web")
                .then()
                .statusCode(409)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:workload-moved"), "node", is(node));
    }

    @Test
    void ifMatchKeepsTwoWritersApart() {
        String namespace = namespace();
        String node = node();
        Posted seen = workload(namespace, "web", node, Map.of("app", "web"));
        put(namespace, "web", node, Map.of("app", "db"), 200);

        given().header("If-Match", seen.etag())
                .spec(json(Map.of("node", node, "labels", Map.of("app", "cache"))))
                .put("/v1/workloads/" + namespace + "/web")
                .then()
                .statusCode(412)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:changed"), "current", notNullValue());
        given().header("If-Match", seen.etag())
                .delete("/v1/workloads/" + namespace + "/web")
                .then()
                .statusCode(412);
    }

    @Test
    void aDeletedWorkloadIsGoneAndItsNameFree() {
        String namespace = namespace();
        String node = node();
        Posted first = workload(namespace, "web", node, Map.of());

        delete("/v1/workloads/" + namespace + "/web").statusCode(204);

        get("/v1/workloads/" + namespace + "/web")
                .statusCode(404)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:unknown-workload"));
        delete("/v1/workloads/" + namespace + "/web").statusCode(404);
        assertThat(store.get(Keys.workload(node, first.uid()))).isEmpty();
        assertThat(workload(namespace, "web", node, Map.of()).uid()).isNotEqualTo(first.uid());
    }

    @Test
    void whatKubernetesOwnsRestDoesNotTouch() {
        String namespace = namespace();
        String node = node();
        Workload owned = Workload.newBuilder()
                .setUid("u-1")
                .setNamespace(namespace)
                .setName("web")
                .setNode(node)
                .setOwner(Owner.OWNER_KUBERNETES)
                .build();
        store.transaction()
                .put(Keys.workload(node, "u-1"), owned)
                .put(
                        Keys.workloadLocation(namespace, "web"),
                        WorkloadLocation.newBuilder()
                                .setNode(node)
                                .setUid("u-1")
                                .build())
                .commit();

        json(Map.of("node", node))
                .put("/v1/workloads/" + namespace + "/web")
                .then()
                .statusCode(409)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:owned-by-another"), "owner", is("kubernetes"));
        delete("/v1/workloads/" + namespace + "/web").statusCode(409);
        json(Map.of("namespace", namespace, "name", "web", "node", node))
                .post("/v1/workloads")
                .then()
                .statusCode(409);

        assertThat(store.get(Keys.workload(node, "u-1")).map(Versioned::value)).contains(owned);
    }

    @Test
    void listsHavePagesAndFilters() {
        String namespace = namespace();
        String other = namespace();
        String node = node();
        String elsewhere = node();
        List<String> names =
                IntStream.range(0, 25).mapToObj("w-%02d"::formatted).toList();
        names.forEach(name -> workload(namespace, name, name.endsWith("3") ? elsewhere : node, Map.of()));
        workload(other, "w-00", node, Map.of());

        assertThat(pages("/v1/workloads?namespace=" + namespace + "&limit=10", 3))
                .containsExactlyElementsOf(names);
        assertThat(pages("/v1/workloads?node=" + node + "&limit=7", 4)).hasSize(23);
        assertThat(pages("/v1/workloads?node=" + node + "&namespace=" + namespace + "&limit=23", 1))
                .containsExactlyInAnyOrderElementsOf(
                        names.stream().filter(name -> !name.endsWith("3")).toList());
        get("/v1/workloads?node=" + elsewhere)
                .body("items.name", containsInAnyOrder("w-03", "w-13", "w-23"), "next", nullValue());
        get("/v1/workloads?namespace=" + name("none")).statusCode(200).body("items", is(empty()));
    }

    private static List<String> pages(String path, int expected) {
        List<String> names = new ArrayList<>();
        String from = "";
        int pages = 0;
        do {
            var page = get(path + "&from=" + from).statusCode(200).extract();
            names.addAll(page.path("items.name"));
            from = page.path("next");
            pages++;
        } while (from != null);
        assertThat(pages).isEqualTo(expected);
        return names;
    }

    private static Posted put(String namespace, String name, String node, Map<String, String> labels, int status) {
        var answer = json(Map.of("node", node, "labels", labels))
                .put("/v1/workloads/" + namespace + "/" + name)
                .then()
                .statusCode(status)
                .extract();
        return new Posted(answer.path("uid"), answer.path("identity"), answer.header("ETag"));
    }
}

package io.pilus.identity.namespace;

import static io.pilus.identity.Rest.PROBLEM;
import static io.pilus.identity.Rest.delete;
import static io.pilus.identity.Rest.get;
import static io.pilus.identity.Rest.json;
import static io.pilus.identity.Rest.name;
import static io.pilus.identity.Rest.node;
import static io.pilus.identity.Rest.workload;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;

import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Document;
import io.pilus.contract.v1.Namespace;
import io.pilus.contract.v1.Owner;
import io.pilus.etcd.EtcdStore;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class NamespaceResourceIT {

    @Inject
    EtcdStore store;

    @Test
    void aNamespaceIsPutReadListedAndDeleted() {
        String path = "/v1/namespaces/" + name("shop");

        json("{\"labels\": {\"team\": \"a\"}}").put(path).then().statusCode(201).body("owner", is("rest"));

        get(path).statusCode(200).body("labels.team", is("a"));
        get("/v1/namespaces?limit=1000").body("items.name", hasItem(path.substring(path.lastIndexOf('/') + 1)));
        delete(path).statusCode(204);
        get(path).statusCode(404).contentType(PROBLEM).body("type", is("urn:pilus:problem:unknown-namespace"));
        delete(path).statusCode(404);
    }

    @Test
    void puttingTheSameAgainWritesNothing() {
        String path = "/v1/namespaces/" + name("shop");
        String first = json("{\"labels\": {\"team\": \"a\"}}")
                .put(path)
                .then()
                .statusCode(201)
                .extract()
                .header("ETag");

        String again = json("{\"labels\": {\"team\": \"a\"}}")
                .put(path)
                .then()
                .statusCode(200)
                .extract()
                .header("ETag");
        String changed = json("{}").put(path).then().statusCode(200).extract().header("ETag");

        assertThat(again).isEqualTo(first);
        assertThat(changed).isNotEqualTo(first);
        given().header("If-Match", first).delete(path).then().statusCode(412);
        given().header("If-Match", changed).delete(path).then().statusCode(204);
    }

    @Test
    void aNamespaceWithWorkloadsStays() {
        String namespace = name("shop");
        json("{}").put("/v1/namespaces/" + namespace).then().statusCode(201);
        workload(namespace, "web", node(), Map.of());

        delete("/v1/namespaces/" + namespace)
                .statusCode(409)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:namespace-in-use"), "workload", is("web"));
        get("/v1/namespaces/" + namespace).statusCode(200);
    }

    @Test
    void aNamespaceWithPoliciesOfAnyKindStaysUntilTheyAreDeleted() {
        String namespace = name("shop");
        json("{}").put("/v1/namespaces/" + namespace).then().statusCode(201);
        // kinds before and behind it that have documents elsewhere, and a namespace whose name only begins alike
        document("AKind", name("other"), "a");
        document("NetworkPolicy", namespace + "-too", "a");
        document("ZKind", name("other"), "a");
        List<Key<Document>> documents =
                List.of(document("NetworkPolicy", namespace, "db"), document("ZKind", namespace, "web"));

        delete("/v1/namespaces/" + namespace)
                .statusCode(409)
                .contentType(PROBLEM)
                .body(
                        "type", is("urn:pilus:problem:namespace-in-use"),
                        "document", is("NetworkPolicy/" + namespace + "/db"),
                        "detail", containsString("DELETE /v1/documents/NetworkPolicy/" + namespace + "/db"));
        store.transaction().delete(documents.getFirst()).commit();
        delete("/v1/namespaces/" + namespace).statusCode(409).body("document", is("ZKind/" + namespace + "/web"));
        get("/v1/namespaces/" + namespace).statusCode(200);

        store.transaction().delete(documents.getLast()).commit();
        delete("/v1/namespaces/" + namespace).statusCode(204);
    }

    @Test
    void whatKubernetesOwnsRestDoesNotTouch() {
        String name = name("kube");
        Namespace owned = Namespace.newBuilder()
                .setName(name)
                .setOwner(Owner.OWNER_KUBERNETES)
                .build();
        store.transaction().put(Keys.namespace(name), owned).commit();

        json("{}")
                .put("/v1/namespaces/" + name)
                .then()
                .statusCode(409)
                .body("type", is("urn:pilus:problem:owned-by-another"), "owner", is("kubernetes"));
        delete("/v1/namespaces/" + name).statusCode(409);

        assertThat(store.get(Keys.namespace(name)).orElseThrow().value()).isEqualTo(owned);
    }

    @Test
    void aBadLabelIsRefused() {
        json("{\"labels\": {\"team\": \"a b\"}}")
                .put("/v1/namespaces/" + name("shop"))
                .then()
                .statusCode(400)
                .body("errors.pointer", contains("/labels/team"));
        json("{}").put("/v1/namespaces/Shop").then().statusCode(400).body("type", is("urn:pilus:problem:invalid-name"));
    }

    private Key<Document> document(String kind, String namespace, String name) {
        Key<Document> key = Keys.document(kind, namespace, name);
        Document document = Document.newBuilder()
                .setKind(kind)
                .setNamespace(namespace)
                .setName(name)
                .setOwner(Owner.OWNER_REST)
                .build();
        store.transaction().put(key, document).commit();
        return key;
    }
}

package io.pilus.identity.identity;

import static io.pilus.identity.Rest.PROBLEM;
import static io.pilus.identity.Rest.get;
import static io.pilus.identity.Rest.namespace;
import static io.pilus.identity.Rest.node;
import static io.pilus.identity.Rest.workload;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;

import io.pilus.contract.Keys;
import io.pilus.etcd.EtcdStore;
import io.pilus.identity.Rest.Posted;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class IdentityResourceIT {

    @Inject
    EtcdStore store;

    @Test
    void anIdentityIsShownWithItsLabelSetAndUsers() {
        String namespace = namespace();
        Posted one = workload(namespace, "a", node(), Map.of("app", "web"));
        workload(namespace, "b", node(), Map.of("app", "web"));

        await().atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> get("/v1/identities/" + one.identity())
                        .statusCode(200)
                        .body(
                                "id", is(one.identity()),
                                "state", is("live"),
                                "namespace", is(namespace),
                                "labels.app", is("web"),
                                "userCount", is(2),
                                "users.name", containsInAnyOrder("a", "b"),
                                "users.attached", containsInAnyOrder(false, false)));
    }

    @Test
    void theListHasPages() {
        String namespace = namespace();
        String node = node();
        List<Integer> created = new ArrayList<>();
        for (int i = 0; i < 7; i++) {
            created.add(workload(namespace, "w-" + i, node, Map.of("app", "app-" + i))
                    .identity());
        }

        List<Integer> listed = new ArrayList<>();
        String from = "";
        do {
            var page =
                    get("/v1/identities?limit=3&from=" + from).statusCode(200).extract();
            listed.addAll(page.path("items.id"));
            from = page.path("next");
        } while (from != null);

        assertThat(listed).containsAll(created).doesNotHaveDuplicates().isSorted();
    }

    @ParameterizedTest
    @ValueSource(strings = {"16777215", "-1", "web", "99999999999999"})
    void aNumberWithoutALabelSetIsNotFound(String id) {
        get("/v1/identities/" + id)
                .statusCode(404)
                .contentType(PROBLEM)
                .body("type", is("urn:pilus:problem:unknown-identity"), "detail", containsString(id));
    }

    @Test
    void theServiceGivesTheStoreItsId() {
        node();

        assertThat(store.get(Keys.EPOCH).orElseThrow().value().getClusterId()).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/q/openapi", "/q/swagger-ui/", "/q/health", "/q/metrics"})
    void theServiceDescribesAndWatchesItself(String path) {
        given().when().get(path).then().statusCode(200);
    }
}

package io.pilus.identity;

import static io.pilus.identity.Rest.PROBLEM;
import static io.pilus.identity.Rest.get;
import static io.pilus.identity.Rest.json;
import static io.pilus.identity.Rest.namespace;
import static io.pilus.identity.Rest.node;
import static io.pilus.identity.Rest.workload;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;

import io.pilus.testing.etcd.EtcdProcess;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
class StoreDownIT {

    @SuppressWarnings("NullAway.Init") // filled by EtcdServer
    EtcdProcess etcd;

    @Test
    void aSilentStoreIsSaidToBeSoAndWorkGoesOnWhenItIsBack() {
        String namespace = namespace();
        String node = node();
        etcd.freeze();
        try {
            json(Map.of("namespace", namespace, "name", "web", "node", node))
                    .post("/v1/workloads")
                    .then()
                    .statusCode(503)
                    .contentType(PROBLEM)
                    .header("Retry-After", is("1"))
                    .body("type", is("urn:pilus:problem:etcd-silent"), "detail", containsString("unknown"));
            get("/v1/namespaces/" + namespace)
                    .statusCode(503)
                    .body("type", is("urn:pilus:problem:etcd-silent"), "detail", containsString("repeat"));
        } finally {
            etcd.thaw();
        }

        await().atMost(Duration.ofSeconds(30))
                .ignoreExceptions()
                .untilAsserted(() -> get("/v1/namespaces/" + namespace).statusCode(200));
        workload(namespace, "db", node, Map.of("app", "db"));
    }
}

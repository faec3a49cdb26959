package io.pilus.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.Test;

class KindTest {

    @Test
    void understandsSingularPluralAndWhatKubernetesUsersType() {
        assertThat(Kind.of("policies")).isEqualTo(Kind.POLICY);
        assertThat(Kind.of("netpol")).isEqualTo(Kind.POLICY);
        assertThat(Kind.of("Pod")).isEqualTo(Kind.WORKLOAD);
        assertThat(Kind.of("identity")).isEqualTo(Kind.IDENTITY);
    }

    @Test
    void saysWhatThereIsWhenAskedForWhatThereIsNot() {
        assertThatThrownBy(() -> Kind.of("service"))
                .isInstanceOf(UserException.class)
                .hasMessage("'service' is nothing that Pilus keeps;"
                        + " there are policies, workloads, identities, pools, namespaces, nodes");
    }

    @Test
    void whateverNameIsAskedForStaysOnePartOfThePath() {
        assertThat(Kind.POLICY.path("shop", "../a b?")).isEqualTo("/v1/documents/NetworkPolicy/shop/..%2Fa%20b%3F");
        assertThat(Kind.IDENTITY.path("shop", "300")).isEqualTo("/v1/identities/300");
    }

    @Test
    void showsItemsUnderHeadings() throws Exception {
        var item = new ObjectMapper().readTree("""
                {"namespace": "shop", "name": "db", "node": "n1", "identity": 300, "labels": {"app": "db", "tier": "back"}, \
                "owner": "rest"}""");

        assertThat(Kind.WORKLOAD.table(List.of(item)).lines())
                .containsExactly(
                        "NAMESPACE   NAME   NODE   IDENTITY   LABELS             OWNER",
                        "shop        db     n1     300        app=db,tier=back   rest");
    }
}

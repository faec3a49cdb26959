package io.pilus.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pilus.lab.LabState;
import io.pilus.lab.Service;
import java.net.URI;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ClusterTest {

    private static final URI LAB = URI.create("http://172.30.0.10:8081");

    @Test
    void takesWhatTheEnvironmentNamesBeforeALab() {
        Map<String, String> environment = Map.of("PILUS_IDENTITY_URL", "http://10.0.0.1:8081");

        assertThat(Cluster.uri(Service.IDENTITY, environment, _ -> LAB)).hasToString("http://10.0.0.1:8081");
        assertThat(Cluster.uri(Service.POLICY, environment, _ -> LAB)).isEqualTo(LAB);
    }

    @Test
    void refusesAnAddressThatIsNone() {
        assertThatThrownBy(() -> Cluster.uri(Service.IPAM, Map.of("PILUS_IPAM_URL", "10.0.0.1:8083"), _ -> LAB))
                .isInstanceOf(UserException.class)
                .hasMessageContaining("10.0.0.1:8083");
    }

    @Test
    void speaksToTheOnlyLabOrToTheOneThatUpStarted() {
        assertThat(Cluster.choose(List.of(lab("pd")), null).name()).isEqualTo("pd");
        assertThat(Cluster.choose(List.of(lab("pd"), lab("pl")), null).name()).isEqualTo("pl");
        assertThat(Cluster.choose(List.of(lab("pd"), lab("pl")), "pd").name()).isEqualTo("pd");
    }

    @Test
    void saysHowToGetAClusterWhenThereIsNoneAndHowToChooseWhenThereAreMany() {
        assertThatThrownBy(() -> Cluster.choose(List.of(), null)).hasMessageContaining("./pilus up");
        assertThatThrownBy(() -> Cluster.choose(List.of(lab("pl")), "other")).hasMessageContaining("'other'");
        assertThatThrownBy(() -> Cluster.choose(List.of(lab("a"), lab("b")), null))
                .hasMessageContaining("--lab: [a, b]");
    }

    private static LabState lab(String name) {
        return new LabState(name, "vxlan", LAB, LAB, LAB, LAB, List.of(), List.of());
    }
}

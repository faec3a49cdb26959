package io.pilus.identity.allocation;

import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.contract.LabelSets;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.NamedPort;
import io.pilus.contract.v1.Protocol;
import io.pilus.identity.Configs;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LabelFilterTest {

    private final LabelFilter filter = new LabelFilter(Configs.identity(Map.of()));

    @Test
    void whatNamesAnInstanceIsDropped() {
        LabelSet set = filter.labelSet(
                "shop",
                "web",
                Map.of(
                        "app", "web",
                        "pod-template-hash", "1",
                        "statefulset.kubernetes.io/pod-name", "web-0",
                        "batch.kubernetes.io/controller-uid", "2",
                        "controller-revision-hash", "3"),
                List.of());

        assertThat(set.getLabelsMap()).isEqualTo(Map.of("app", "web"));
        assertThat(set.getNamespace()).isEqualTo("shop");
        assertThat(set.getServiceAccount()).isEqualTo("web");
    }

    @Test
    void theOrderOfPortsDoesNotMatter() {
        NamedPort http = port("http", Protocol.PROTOCOL_TCP, 80);
        NamedPort dns = port("dns", Protocol.PROTOCOL_UDP, 53);

        LabelSet one = filter.labelSet("shop", "", Map.of(), List.of(http, dns, http));
        LabelSet other = filter.labelSet("shop", "", Map.of(), List.of(dns, http));

        assertThat(one).isEqualTo(other);
        assertThat(LabelSets.hash(one)).isEqualTo(LabelSets.hash(other));
    }

    @Test
    void aStarStandsForTheRestOfTheKey() {
        var custom = new LabelFilter(Configs.identity(Map.of("pilus.identity.instance-labels", "exact,begin.*")));

        LabelSet set = custom.labelSet(
                "shop",
                "",
                Map.of("exact", "1", "exactly", "2", "begin.here", "3", "pod-template-hash", "4"),
                List.of());

        assertThat(set.getLabelsMap().keySet()).containsExactlyInAnyOrder("exactly", "pod-template-hash");
    }

    private static NamedPort port(String name, Protocol protocol, int port) {
        return NamedPort.newBuilder()
                .setName(name)
                .setProtocol(protocol)
                .setPort(port)
                .build();
    }
}

package io.pilus.node.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.pilus.libbpf.BpfMap;
import io.pilus.node.datapath.Counter;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.Verdict;
import io.pilus.node.policy.RuleNumberFile;
import io.pilus.node.testing.TestNode;
import java.io.IOException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class VerdictCountsIT {

    private static final int INGRESS = 1;
    private static final int EGRESS = 2;

    private final TestNode node = new TestNode();
    private final Datapath datapath = node.datapath();
    private final FixedEndpoints endpoints = new FixedEndpoints();
    private final MeterRegistry registry = new SimpleMeterRegistry();
    private RuleNumberFile rules;
    private VerdictCounts counts;

    @BeforeEach
    void open() throws IOException {
        rules = RuleNumberFile.open(node.directory().resolve("rules"));
        counts = new VerdictCounts(datapath, endpoints, rules, registry);
    }

    @AfterEach
    void close() throws IOException {
        rules.close();
        node.close();
    }

    @Test
    void whatEndpointsCountIsAddedByVerdictAndDirection() {
        endpoints.add(5);
        endpoints.add(6);
        count(5, Verdict.DROP_POLICY, INGRESS, 10);
        count(6, Verdict.DROP_POLICY, INGRESS, 7);
        count(6, Verdict.DROP_POLICY, EGRESS, 3);
        count(0, Verdict.DROP_SPOOFED_MAC, EGRESS, 2);

        counts.refresh();

        assertThat(packets(Verdict.DROP_POLICY, "ingress")).isEqualTo(17);
        assertThat(packets(Verdict.DROP_POLICY, "egress")).isEqualTo(3);
        assertThat(packets(Verdict.DROP_SPOOFED_MAC, "egress")).isEqualTo(2);
        assertThat(registry.get("pilus.verdict.bytes")
                        .tag("verdict", "DROP_POLICY")
                        .tag("direction", "ingress")
                        .functionCounter()
                        .count())
                .isEqualTo(1700);
    }

    @Test
    void aCountNeverFallsWhenAnEndpointGoesNorWhenItsNumberIsGivenAgain() {
        endpoints.add(5);
        endpoints.add(6);
        count(5, Verdict.DROP_POLICY, INGRESS, 10);
        count(6, Verdict.DROP_POLICY, INGRESS, 7);
        counts.refresh();

        endpoints.remove(6);
        count(6, Verdict.DROP_POLICY, INGRESS, 8);
        counts.refresh();
        assertThat(packets(Verdict.DROP_POLICY, "ingress")).isEqualTo(18);
        assertThat(datapath.counters().keySet())
                .extracting(Counter.Key::endpoint)
                .contains(5)
                .doesNotContain(6);

        counts.refresh();
        assertThat(packets(Verdict.DROP_POLICY, "ingress")).isEqualTo(18);

        endpoints.add(6);
        count(6, Verdict.DROP_POLICY, INGRESS, 3);
        counts.refresh();
        assertThat(packets(Verdict.DROP_POLICY, "ingress")).isEqualTo(21);
    }

    /** As the datapath counts, on the last of the machine's CPUs. */
    private void count(int endpoint, Verdict verdict, int direction, long packets) {
        BpfMap map = datapath.map("verdicts_v1");
        byte[] counter = Counter.LAYOUT.encode(new Counter(packets, 100 * packets));
        byte[] all = new byte[map.valueSize()];
        System.arraycopy(counter, 0, all, all.length - counter.length, counter.length);
        map.update(Counter.Key.LAYOUT.encode(new Counter.Key(endpoint, 0, verdict.number(), direction)), all);
    }

    private long packets(Verdict verdict, String direction) {
        return (long) registry.get("pilus.verdicts")
                .tag("verdict", verdict.name())
                .tag("direction", direction)
                .tag("document", "")
                .functionCounter()
                .count();
    }
}

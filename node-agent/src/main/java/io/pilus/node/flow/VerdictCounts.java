package io.pilus.node.flow;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.pilus.model.RuleRef;
import io.pilus.node.datapath.Counter;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.Verdict;
import io.pilus.node.endpoint.Attachment;
import io.pilus.node.endpoint.Endpoints;
import io.pilus.node.policy.RuleNumberFile;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The datapath's exact counts as metrics: packets by verdict and direction, and by the document that decided. A count
 * never falls: what endpoints counted that are gone is kept here, and leaves the kernel's map.
 */
@Singleton
class VerdictCounts {

    private final Datapath datapath;
    private final Endpoints endpoints;
    private final RuleNumberFile rules;
    private final MeterRegistry registry;
    private final Map<Group, Counter> gone = new HashMap<>();
    private final Map<Group, Counter> sums = new ConcurrentHashMap<>();

    /**
     * @param document empty when no rule was asked
     */
    private record Group(int verdict, int direction, String document) {}

    VerdictCounts(Datapath datapath, Endpoints endpoints, RuleNumberFile rules, MeterRegistry registry) {
        this.datapath = datapath;
        this.endpoints = endpoints;
        this.rules = rules;
        this.registry = registry;
    }

    /** Reads the kernel's counts; called by one thread. */
    void refresh() {
        Set<Integer> attached = new HashSet<>();
        for (Attachment attachment : endpoints.all()) {
            attached.add(attachment.number());
        }
        Map<Group, Counter> now = new HashMap<>();
        datapath.counters().forEach((key, counter) -> {
            var group = new Group(key.verdict(), key.direction(), document(key.rule()));
            if (key.endpoint() == 0 || attached.contains(key.endpoint())) {
                now.merge(group, counter, Counter::plus);
            } else if (datapath.map("verdicts_v1").delete(Counter.Key.LAYOUT.encode(key))) {
                gone.merge(group, counter, Counter::plus);
            }
        });
        gone.forEach((group, counter) -> now.merge(group, counter, Counter::plus));
        now.forEach((group, counter) -> {
            if (sums.put(group, counter) == null) {
                register(group);
            }
        });
    }

    private void register(Group group) {
        Tags tags = Tags.of(
                "verdict", Verdict.of(group.verdict()).name(),
                "direction", group.direction() == 1 ? "ingress" : "egress",
                "document", group.document());
        FunctionCounter.builder(
                        "pilus.verdicts", sums, all -> counted(all, group).packets())
                .description("packets that met a verdict")
                .tags(tags)
                .register(registry);
        FunctionCounter.builder(
                        "pilus.verdict.bytes", sums, all -> counted(all, group).bytes())
                .description("bytes that met a verdict")
                .tags(tags)
                .register(registry);
    }

    private static Counter counted(Map<Group, Counter> all, Group group) {
        return all.getOrDefault(group, new Counter(0, 0));
    }

    private String document(int rule) {
        return rules.rule(rule).map(RuleRef::document).orElse("");
    }
}

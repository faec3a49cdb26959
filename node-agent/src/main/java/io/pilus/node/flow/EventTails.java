package io.pilus.node.flow;

import io.pilus.node.NodeConfig;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.datapath.EventGate;
import io.pilus.node.datapath.TypedMap;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Tells of what the datapath still owes: packets that came within a second of an event like theirs, or over their
 * endpoint's budget, and were the last of their kind.
 */
@Singleton
class EventTails {

    /** The datapath itself tells with the first packet after a second. */
    private static final long QUIET_NANOS = 1_500_000_000;

    private final Datapath datapath;
    private final FlowLog flows;
    private final int budget;

    EventTails(Datapath datapath, FlowLog flows, NodeConfig config) {
        this.datapath = datapath;
        this.flows = flows;
        this.budget = config.eventRate() == 0 ? Integer.MAX_VALUE : config.eventRate();
    }

    /** To be called once a second, as budgets are per second; what is over an endpoint's stays for the next time. */
    void tell() {
        long now = System.nanoTime(); // CLOCK_MONOTONIC, as bpf_ktime_get_coarse_ns
        TypedMap<EventGate.Key, EventGate> gates = datapath.eventGates();
        Map<Integer, Integer> told = new HashMap<>();
        gates.entries().forEach((key, gate) -> {
            if (gate.pending() <= 0
                    || now - gate.last() < QUIET_NANOS
                    || told.merge(key.endpoint(), 1, Integer::sum) > budget) {
                return;
            }
            Optional<EventGate> owed = gates.take(key);
            if (owed.isPresent() && owed.get().pending() > 0) {
                flows.add(key.event(owed.get(), now));
            }
        });
    }
}

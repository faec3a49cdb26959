package io.pilus.identity.view;

import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Prefix;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * All that is known about one endpoint.
 *
 * @param registered whether its node is
 * @param attached what the node says, null when it has nothing attached
 * @param workload what was assigned to the node, null when it is gone or never was
 * @param published what the other nodes are told, null for nothing
 * @param blocks of the node, by key
 */
public record EndpointFacts(
        Spot spot,
        boolean registered,
        @Nullable Seen<Attached> attached,
        @Nullable SeenWorkload workload,
        @Nullable Seen<Endpoint> published,
        Map<String, Prefix> blocks) {
    public EndpointFacts {
        blocks = Map.copyOf(blocks);
    }
}

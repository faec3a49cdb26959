package io.pilus.node.flow;

import com.google.protobuf.ByteString;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.NodeAddresses;
import io.pilus.node.state.ClusterView;
import io.pilus.node.state.NodeState;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Who holds an address, for people. Looked up when a flow is shown, in an index that is made anew when the cluster has
 * changed: flows are few, endpoints many.
 */
@Singleton
final class Names {

    private final NodeState state;
    private Map<ByteString, String> byAddress = Map.of();
    private long revision = -1;

    Names(NodeState state) {
        this.state = state;
    }

    /** {@code namespace/name} of a workload, or {@code node NAME}. */
    synchronized Optional<String> of(ByteString address) {
        refresh();
        return Optional.ofNullable(byAddress.get(address));
    }

    private void refresh() {
        state.lock().lock();
        try {
            ClusterView cluster = state.cluster();
            if (cluster.revision() == revision) {
                return;
            }
            Map<ByteString, String> fresh = new HashMap<>();
            cluster.entries(Keys.CLUSTER_NODES).forEach(entry -> {
                NodeAddresses node = entry.read(Keys.CLUSTER_NODES.parser());
                node.getAddressesList().forEach(address -> fresh.put(address, "node " + node.getName()));
            });
            cluster.entries(Keys.ENDPOINTS).forEach(entry -> {
                Endpoint endpoint = entry.read(Keys.ENDPOINTS.parser());
                endpoint.getAddressesList()
                        .forEach(address -> fresh.put(address, endpoint.getNamespace() + "/" + endpoint.getName()));
            });
            byAddress = fresh;
            revision = cluster.revision();
        } finally {
            state.lock().unlock();
        }
    }
}

package io.pilus.node.ipam;

import com.google.protobuf.ByteString;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Endpoint;
import io.pilus.node.NodeConfig;
import io.pilus.node.state.Entry;
import io.pilus.node.state.NodeState;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.util.Collection;

/** The one lease book of the agent. */
class Leases {

    @Produces
    @Singleton
    LeaseBook book(NodeConfig node, LeaseConfig config, Clock clock, NodeState state, Withdrawals withdrawals) {
        return LeaseBook.open(node.stateDir().resolve("leases"), config, clock, address -> {
            state.lock().lock();
            try {
                return withdrawals.contains(address)
                        && isUnseen(state.cluster().entries(Keys.endpointsOf(node.name())), node.name(), address);
            } finally {
                state.lock().unlock();
            }
        });
    }

    /**
     * Whether this node sees no endpoint with the address: else its withdrawal could still take away what the next pod has.
     *
     * @param cluster of {@code cluster/}, this node's endpoints at least; no other node's can have an address of this node's blocks
     */
    static boolean isUnseen(Collection<Entry> cluster, String node, ByteString address) {
        return cluster.stream()
                .filter(entry -> Keys.endpointsOf(node).contains(entry.key()))
                .noneMatch(entry ->
                        entry.read(Endpoint.parser()).getAddressesList().contains(address));
    }
}

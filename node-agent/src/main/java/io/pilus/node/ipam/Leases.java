package io.pilus.node.ipam;

import com.google.protobuf.ByteString;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Endpoint;
import io.pilus.node.NodeConfig;
import io.pilus.node.state.NodeState;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Clock;

/** The one lease book of the agent. */
class Leases {

    @Produces
    @Singleton
    LeaseBook book(NodeConfig node, LeaseConfig config, Clock clock, NodeState state) {
        return LeaseBook.open(
                node.stateDir().resolve("leases"), config, clock, address -> isWithdrawn(state, node.name(), address));
    }

    /** Only this node's endpoints can have an address of this node's blocks. */
    private static boolean isWithdrawn(NodeState state, String node, ByteString address) {
        state.lock().lock();
        try {
            return state.cluster().whole()
                    && state.cluster().entries(Keys.endpointsOf(node)).stream()
                            .noneMatch(entry -> entry.read(Endpoint.parser())
                                    .getAddressesList()
                                    .contains(address));
        } finally {
            state.lock().unlock();
        }
    }
}

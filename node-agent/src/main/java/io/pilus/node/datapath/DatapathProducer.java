package io.pilus.node.datapath;

import io.pilus.netlink.NetworkNamespace;
import io.pilus.node.NodeConfig;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;

/** The datapath of the node on which the agent runs. */
@Singleton
class DatapathProducer {

    @Produces
    @Singleton
    Datapath datapath(NodeConfig config) {
        return Datapath.open(config, NetworkNamespace.current());
    }
}

package io.pilus.node.ipam;

import io.pilus.node.state.Entry;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Collection;

/** Opens the lease book of a simulated node. */
public final class Books {

    private record Config(Duration coolDown, Duration idle) implements LeaseConfig {
        @Override
        public int reserve() {
            return 1;
        }
    }

    private Books() {}

    /**
     * @param withdrawals what the node's reports found
     * @param cluster what it has seen of {@code cluster/}
     */
    public static LeaseBook open(
            Path directory,
            Duration coolDown,
            Duration idle,
            Clock clock,
            String node,
            Withdrawals withdrawals,
            Collection<Entry> cluster) {
        return LeaseBook.open(
                directory,
                new Config(coolDown, idle),
                clock,
                address -> withdrawals.contains(address) && Leases.isUnseen(cluster, node, address));
    }
}

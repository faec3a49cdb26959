package io.pilus.ipam.block;

import io.pilus.contract.Keys;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.ipam.IpamConfig;
import io.pilus.messaging.etcd.EtcdChange;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;

/** What a replica of ipam-service has in memory and does; a round is the {@link LeaderLoop}'s. */
public final class Granting {

    private record Config(Duration rest, int blocksPerNode) implements IpamConfig {}

    private final EtcdStore store;
    private final BlockIndex index;
    private final IndexChannels channels;
    private final Granter granter;
    private Optional<Term> served = Optional.empty();
    private long barrier;

    public Granting(EtcdStore store, EpochStore epochs, Duration rest, int blocksPerNode, Clock clock) {
        var config = new Config(rest, blocksPerNode);
        this.store = store;
        this.index = new BlockIndex(config);
        this.channels = new IndexChannels(index, new Adoption(index, epochs, store));
        this.granter = new Granter(index, store, config, clock);
    }

    public void pools(EtcdChange change) {
        channels.pools(change);
    }

    public void blocks(EtcdChange change) {
        channels.blocks(change);
    }

    public void nodes(EtcdChange change) {
        channels.nodes(change);
    }

    public void demands(EtcdChange change) {
        channels.demands(change);
    }

    /**
     * @return whether there may be more to do at once
     */
    public boolean round(Term term) {
        if (!index.complete()) {
            return false;
        }
        try {
            if (!served.equals(Optional.of(term))) {
                barrier = store.newestWrite(Keys.CLUSTER_BLOCKS);
                served = Optional.of(term);
                index.touchAll();
            }
            return index.blocksRevision() >= barrier && granter.work(term) == Granter.Round.MORE;
        } catch (RuntimeException e) {
            served = Optional.empty();
            throw e;
        }
    }

    /** As from time to time. */
    public void touchAll() {
        index.touchAll();
    }
}

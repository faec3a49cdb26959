package io.pilus.ipam.block;

import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.AdoptionReport;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.Pool;
import io.pilus.etcd.UnreadableValueException;
import io.pilus.ipam.block.BlockIndex.Defined;
import io.pilus.ipam.block.BlockIndex.Demanded;
import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.messaging.etcd.EtcdChange.Entry;
import io.pilus.messaging.etcd.EtcdChange.Event;
import io.quarkus.logging.Log;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.eclipse.microprofile.reactive.messaging.Incoming;

/** Takes what etcd says into the index. A value that nobody can read changes nothing. */
@ApplicationScoped
class IndexChannels {

    private static final String DEMAND = "/agent/demand";
    private static final String REPORT = "/agent/adoption";

    private final BlockIndex index;
    private final Adoption adoption;

    IndexChannels(BlockIndex index, Adoption adoption) {
        this.index = index;
        this.adoption = adoption;
    }

    @Incoming("pool-changes")
    @RunOnVirtualThread
    void pools(EtcdChange change) {
        switch (change) {
            case EtcdChange.Snapshot all -> {
                Map<String, Defined> pools = new HashMap<>();
                for (Entry entry : all.entries()) {
                    readable(() -> entry.parse(Pool.parser()))
                            .ifPresent(pool -> pools.put(pool.getName(), new Defined(pool, entry.modRevision())));
                }
                index.pools(pools);
            }
            case EtcdChange.Revision revision -> {
                for (Event event : revision.events()) {
                    switch (event) {
                        case Event.Put put ->
                            readable(() -> put.parse(Pool.parser()))
                                    .ifPresent(pool -> index.pool(pool, put.modRevision()));
                        case Event.Deleted gone -> index.poolGone(part(Keys.POOLS, gone.key()));
                    }
                }
            }
        }
    }

    @Incoming("block-changes")
    @RunOnVirtualThread
    void blocks(EtcdChange change) {
        switch (change) {
            case EtcdChange.Snapshot all -> {
                List<HeldBlock> blocks = new ArrayList<>();
                for (Entry entry : all.entries()) {
                    block(entry.key(), () -> entry.parse(BlockOwner.parser()), entry.modRevision())
                            .ifPresent(blocks::add);
                }
                index.blocks(blocks, all.revision());
            }
            case EtcdChange.Revision revision -> {
                for (Event event : revision.events()) {
                    switch (event) {
                        case Event.Put put ->
                            block(put.key(), () -> put.parse(BlockOwner.parser()), put.modRevision())
                                    .ifPresent(index::block);
                        case Event.Deleted gone -> {
                            String[] parts = Keys.CLUSTER_BLOCKS.parts(gone.key());
                            index.blockGone(parts[0], Prefixes.parseKeyPart(parts[1]), revision.revision());
                        }
                    }
                }
                index.blocksSeen(revision.revision());
            }
        }
    }

    @Incoming("node-changes")
    @RunOnVirtualThread
    void nodes(EtcdChange change) {
        switch (change) {
            case EtcdChange.Snapshot all -> {
                Set<String> nodes = new HashSet<>();
                all.entries().forEach(entry -> nodes.add(part(Keys.INTENT_NODES, entry.key())));
                index.nodes(nodes);
            }
            case EtcdChange.Revision revision -> {
                for (Event event : revision.events()) {
                    switch (event) {
                        case Event.Put put -> index.node(part(Keys.INTENT_NODES, put.key()));
                        case Event.Deleted gone -> index.nodeGone(part(Keys.INTENT_NODES, gone.key()));
                    }
                }
            }
        }
    }

    /** Of all that nodes write and read, only the demands and what they report after a restore. */
    @Incoming("demand-changes")
    @RunOnVirtualThread
    void demands(EtcdChange change) {
        switch (change) {
            case EtcdChange.Snapshot all -> {
                Map<String, Demanded> demands = new HashMap<>();
                Map<String, AdoptionReport> reports = new HashMap<>();
                for (Entry entry : all.entries()) {
                    if (entry.key().endsWith(DEMAND)) {
                        readable(() -> entry.parse(Demand.parser()))
                                .ifPresent(demand -> demands.put(
                                        node(entry.key(), DEMAND), new Demanded(demand, entry.modRevision())));
                    } else if (entry.key().endsWith(REPORT)) {
                        readable(() -> entry.parse(AdoptionReport.parser()))
                                .ifPresent(report -> reports.put(node(entry.key(), REPORT), report));
                    }
                }
                adoption.reports(reports);
                index.demands(demands);
            }
            case EtcdChange.Revision revision -> {
                for (Event event : revision.events()) {
                    if (event.key().endsWith(DEMAND)) {
                        switch (event) {
                            case Event.Put put ->
                                readable(() -> put.parse(Demand.parser()))
                                        .ifPresent(demand ->
                                                index.demand(node(put.key(), DEMAND), demand, put.modRevision()));
                            case Event.Deleted gone -> index.demandGone(node(gone.key(), DEMAND));
                        }
                    } else if (event.key().endsWith(REPORT)) {
                        switch (event) {
                            case Event.Put put ->
                                readable(() -> put.parse(AdoptionReport.parser()))
                                        .ifPresent(report -> adoption.report(node(put.key(), REPORT), report));
                            case Event.Deleted gone -> adoption.reportGone(node(gone.key(), REPORT));
                        }
                    }
                }
            }
        }
    }

    /** The block, unless its value is not what its key says: then nothing may be decided from it. */
    private static Optional<HeldBlock> block(String key, Supplier<BlockOwner> parse, long modRevision) {
        String[] parts = Keys.CLUSTER_BLOCKS.parts(key);
        Optional<HeldBlock> block = readable(parse)
                .filter(owner ->
                        owner.getPool().equals(parts[0]) && owner.getBlock().equals(Prefixes.parseKeyPart(parts[1])))
                .map(owner -> HeldBlock.of(owner, modRevision));
        if (block.isEmpty()) {
            Log.errorf("the value of %s is not the block that its key names; it is left alone", key);
        }
        return block;
    }

    private static <M> Optional<M> readable(Supplier<M> parse) {
        try {
            return Optional.of(parse.get());
        } catch (UnreadableValueException e) {
            Log.error(e.getMessage());
            return Optional.empty();
        }
    }

    private static String part(KeyRange<?> range, String key) {
        return range.parts(key)[0];
    }

    private static String node(String key, String end) {
        return key.substring(Keys.NODES.length(), key.length() - end.length());
    }
}

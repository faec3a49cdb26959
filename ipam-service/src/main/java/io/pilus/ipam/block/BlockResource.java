package io.pilus.ipam.block;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.etcd.EtcdStore;
import io.pilus.ipam.IpamConfig;
import io.pilus.rest.NodeName;
import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import io.pilus.rest.PoolName;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.BeanParam;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import java.time.Instant;
import org.jboss.resteasy.reactive.RestQuery;
import org.jspecify.annotations.Nullable;

/** {@code /v1/blocks}: who holds what. */
@Path("/v1/blocks")
@RunOnVirtualThread
public class BlockResource {

    /**
     * @param node absent when the block rests
     * @param restsUntil absent when a node holds the block
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record View(
            String pool,
            String block,
            @Nullable String node,
            @Nullable Instant restsUntil) {}

    private final EtcdStore store;
    private final IpamConfig config;

    BlockResource(EtcdStore store, IpamConfig config) {
        this.store = store;
        this.config = config;
    }

    @GET
    public PageView<View> list(
            @RestQuery @Nullable PoolName pool, @RestQuery @Nullable NodeName node, @BeanParam PageRequest page) {
        if (node != null) {
            KeyRange<Block> range =
                    pool == null ? Keys.blocksOf(node.value()) : Keys.blocksOf(node.value(), pool.value());
            return PageView.of(
                    store.list(range, page.firstKey(range), page.limit(), 0),
                    range,
                    found -> new View(
                            found.value().getPool(),
                            Prefixes.format(found.value().getBlock()),
                            node.value(),
                            null));
        }
        KeyRange<BlockOwner> range = pool == null ? Keys.CLUSTER_BLOCKS : Keys.clusterBlocksOf(pool.value());
        return PageView.of(
                store.list(range, page.firstKey(range), page.limit(), 0), range, found -> view(found.value()));
    }

    private View view(BlockOwner owner) {
        boolean rests = owner.getNode().isEmpty();
        return new View(
                owner.getPool(),
                Prefixes.format(owner.getBlock()),
                rests ? null : owner.getNode(),
                rests ? Instant.ofEpochMilli(owner.getRestingSinceEpochMs()).plus(config.rest()) : null);
    }
}

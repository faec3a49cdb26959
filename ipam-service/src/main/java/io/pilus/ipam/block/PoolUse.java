package io.pilus.ipam.block;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.pilus.ipam.block.BlockIndex.Capacity;
import io.pilus.ipam.block.BlockIndex.Share;
import io.pilus.rest.PageRequest;
import io.pilus.rest.PageView;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How far pools are used, as this replica sees it: a moment behind etcd. */
@ApplicationScoped
public class PoolUse {

    /** What a node has of a pool. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record NodeShare(
            String node, @Nullable Share ipv4, @Nullable Share ipv6) {}

    private final BlockIndex index;

    PoolUse(BlockIndex index) {
        this.index = index;
    }

    public ByFamily<Capacity> capacity(String pool) {
        return ByFamily.of(index.capacity(pool));
    }

    public PageView<NodeShare> nodes(String pool, PageRequest page) {
        List<NodeShare> all = new ArrayList<>();
        index.shares(pool, page.from(), page.limit() + 1).forEach((node, shares) -> {
            ByFamily<Share> share = ByFamily.of(shares);
            all.add(new NodeShare(node, share.ipv4(), share.ipv6()));
        });
        return all.size() <= page.limit()
                ? new PageView<>(all, null)
                : new PageView<>(
                        all.subList(0, page.limit()), all.get(page.limit() - 1).node());
    }
}

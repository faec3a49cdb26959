package io.pilus.ipam.block;

import io.pilus.contract.Family;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Prefix;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A block that cannot be granted: a node has it, or it rests.
 *
 * @param node null when it rests
 * @param restingSince null when a node has it
 * @param revision the one that said so
 */
record HeldBlock(
        String pool,
        Prefix block,
        @Nullable String node,
        @Nullable Instant restingSince,
        long revision) {

    static HeldBlock of(BlockOwner owner, long revision) {
        boolean rests = owner.getNode().isEmpty();
        return new HeldBlock(
                owner.getPool(),
                owner.getBlock(),
                rests ? null : owner.getNode(),
                rests ? Instant.ofEpochMilli(owner.getRestingSinceEpochMs()) : null,
                revision);
    }

    static HeldBlock granted(String pool, Prefix block, String node, long revision) {
        return new HeldBlock(pool, block, node, null, revision);
    }

    HeldBlock resting(Instant since, long at) {
        return new HeldBlock(pool, block, null, since, at);
    }

    Family family() {
        return Family.of(block);
    }

    Key<BlockOwner> key() {
        return Keys.clusterBlock(pool, block);
    }

    BlockOwner owner() {
        var owner = BlockOwner.newBuilder().setPool(pool).setBlock(block);
        if (node != null) {
            owner.setNode(node);
        }
        if (restingSince != null) {
            owner.setRestingSinceEpochMs(restingSince.toEpochMilli());
        }
        return owner.build();
    }

    /** What the node reads. */
    Block copy() {
        return Block.newBuilder().setPool(pool).setBlock(block).build();
    }
}

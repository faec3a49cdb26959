package io.pilus.ipam.pool;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;
import static jakarta.ws.rs.core.Response.Status.CONFLICT;
import static jakarta.ws.rs.core.Response.Status.NOT_FOUND;
import static jakarta.ws.rs.core.Response.Status.SERVICE_UNAVAILABLE;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.Pool;
import io.pilus.contract.v1.Prefix;
import io.pilus.rest.ProblemException;
import java.time.Instant;
import java.util.Map;

/** What can be wrong with a pool; docs/reference/problems.md lists the slugs. */
final class PoolProblem {

    private PoolProblem() {}

    static ProblemException unknown(String pool) {
        return new ProblemException(
                "unknown-pool",
                NOT_FOUND,
                "there is no pool '%s'; PUT /v1/pools/%s creates it".formatted(pool, pool),
                Map.of("pool", pool));
    }

    static ProblemException invalidRange(int index, String detail) {
        return new ProblemException(
                "invalid-range",
                BAD_REQUEST,
                "/ranges/%d: %s".formatted(index, detail),
                Map.of("pointer", "/ranges/" + index));
    }

    static ProblemException reservedRange(int index, Prefix range, Prefix reserved, String use) {
        return invalidRange(
                index,
                "'%s' overlaps %s, which is %s; take a range that is yours"
                        .formatted(Prefixes.format(range), Prefixes.format(reserved), use));
    }

    static ProblemException rangesOverlap(int index, Prefix range, Prefix other) {
        return invalidRange(
                index,
                "'%s' overlaps '%s' of the same pool; leave the smaller one out"
                        .formatted(Prefixes.format(range), Prefixes.format(other)));
    }

    static ProblemException invalidBlockLength(String field, int length, String rule) {
        return new ProblemException(
                "invalid-block-length",
                BAD_REQUEST,
                "/%s: %d %s".formatted(field, length, rule),
                Map.of("pointer", "/" + field));
    }

    static ProblemException poolOverlap(Prefix range, Pool other, Prefix otherRange) {
        return new ProblemException(
                "pool-overlap",
                CONFLICT,
                "%s overlaps %s of pool '%s'; choose another range, or take that one out of pool '%s' first"
                        .formatted(
                                Prefixes.format(range), Prefixes.format(otherRange), other.getName(), other.getName()),
                Map.of(
                        "range",
                        Prefixes.format(range),
                        "pool",
                        other.getName(),
                        "otherRange",
                        Prefixes.format(otherRange)));
    }

    static ProblemException nodeOverlap(Prefix range, String node, ByteString address) {
        return new ProblemException(
                "node-overlap",
                CONFLICT,
                "%s holds %s, an address of node '%s'; a pool must not hold addresses of nodes: choose another range"
                        .formatted(Prefixes.format(range), Prefixes.format(address), node),
                Map.of("range", Prefixes.format(range), "node", node, "address", Prefixes.format(address)));
    }

    /** The pool shall lose addresses that somebody holds. */
    static ProblemException inUse(String pool, BlockOwner held, long others, Instant restedAt) {
        String block = Prefixes.format(held.getBlock());
        String who = held.getNode().isEmpty()
                ? "rests until %s, as its last addresses may still be remembered elsewhere; repeat after that"
                        .formatted(restedAt)
                : "is held by node '%s'; keep its range until the node has given it back or is deleted"
                        .formatted(held.getNode());
        return new ProblemException(
                "pool-in-use",
                CONFLICT,
                "block %s of pool '%s' %s%s"
                        .formatted(
                                block,
                                pool,
                                who,
                                others == 0
                                        ? ""
                                        : " (%d more blocks are in use: GET /v1/blocks?pool=%s)"
                                                .formatted(others, pool)),
                Map.of("pool", pool, "block", block, "node", held.getNode(), "blocksInUse", others + 1));
    }

    static ProblemException contended(String pool) {
        return new ProblemException(
                "pool-contended",
                SERVICE_UNAVAILABLE,
                "pool '%s' was not changed: others changed pools, or blocks were granted, at each attempt; repeat the request"
                        .formatted(pool),
                Map.of("pool", pool));
    }
}

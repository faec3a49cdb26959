package io.pilus.ipam.block;

import io.pilus.contract.Family;

/**
 * Addresses that a node wants and does not get.
 *
 * @param missing how many addresses
 * @param cause why it does not get them
 */
record Shortage(String node, String pool, Family family, long missing, Cause cause) {
    enum Cause {
        /** No block of the pool is free. */
        EXHAUSTED,
        /** The node has as many blocks as it may have. */
        LIMIT
    }
}

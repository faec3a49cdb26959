package io.pilus.node.ipam;

import io.pilus.contract.Family;

/**
 * How full this node's blocks of a pool are.
 *
 * @param blocks how many the node owns
 * @param usable addresses in the blocks from which leases are taken
 * @param leased addresses in use
 * @param cooling addresses released not long enough ago, or still published
 */
public record PoolUsage(String pool, Family family, int blocks, long usable, int leased, int cooling) {}

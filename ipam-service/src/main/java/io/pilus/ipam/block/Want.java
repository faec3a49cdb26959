package io.pilus.ipam.block;

import io.pilus.contract.Family;

/**
 * Addresses of one family that a node wants beyond those of the blocks it has.
 *
 * @param missing how many addresses, at least 1
 * @param allowed how many blocks more the node may have
 */
record Want(String node, String pool, Family family, long missing, int allowed) {}

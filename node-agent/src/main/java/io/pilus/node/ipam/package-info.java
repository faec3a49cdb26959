/** Addresses for workloads, leased by this node from the blocks that it owns. */
@NullMarked
package io.pilus.node.ipam;

import org.jspecify.annotations.NullMarked;

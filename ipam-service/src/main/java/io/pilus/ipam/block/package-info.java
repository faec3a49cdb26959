/** Blocks: granted to nodes out of the pools, taken back, and shown. */
@NullMarked
package io.pilus.ipam.block;

import org.jspecify.annotations.NullMarked;

/** The node's devices, BPF programs and maps: what packets meet. */
@NullMarked
package io.pilus.node.datapath;

import org.jspecify.annotations.NullMarked;

/** Verdict tables: computed for this node's subjects alone, and kept equal in the kernel. */
@NullMarked
package io.pilus.node.policy;

import org.jspecify.annotations.NullMarked;

/** Tests of the datapath's Java side, against the compiled object and the kernel. */
@NullMarked
package io.pilus.node.datapath;

import org.jspecify.annotations.NullMarked;

/** What the datapath tells: verdicts as flows and as metrics, and the connections that nobody uses any more. */
@NullMarked
package io.pilus.node.flow;

import org.jspecify.annotations.NullMarked;

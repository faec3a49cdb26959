/** What the node tells the control plane: what it attached, what it needs, what it has realised, and that it lives. */
@NullMarked
package io.pilus.node.report;

import org.jspecify.annotations.NullMarked;

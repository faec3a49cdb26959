/** Nodes, their labels and addresses, and what goes when a node goes. */
@NullMarked
package io.pilus.identity.node;

import org.jspecify.annotations.NullMarked;

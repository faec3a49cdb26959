/** Attaches workloads' network namespaces to the node and detaches them. */
@NullMarked
package io.pilus.node.endpoint;

import org.jspecify.annotations.NullMarked;

/** Tests of flows, by REST. */
@NullMarked
package io.pilus.node.flow;

import org.jspecify.annotations.NullMarked;

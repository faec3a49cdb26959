/** Tests of leases. */
@NullMarked
package io.pilus.node.ipam;

import org.jspecify.annotations.NullMarked;

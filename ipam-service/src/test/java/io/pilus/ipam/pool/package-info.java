/** Tests of pools. */
@NullMarked
package io.pilus.ipam.pool;

import org.jspecify.annotations.NullMarked;

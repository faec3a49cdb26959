/** Address pools: what users define, checked against everything else that has addresses. */
@NullMarked
package io.pilus.ipam.pool;

import org.jspecify.annotations.NullMarked;

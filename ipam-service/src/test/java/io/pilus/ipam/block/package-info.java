/** Tests of blocks. */
@NullMarked
package io.pilus.ipam.block;

import org.jspecify.annotations.NullMarked;

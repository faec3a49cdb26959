/** What must be true of the whole, tried on real nodes. */
@NullMarked
package io.pilus.system;

import org.jspecify.annotations.NullMarked;

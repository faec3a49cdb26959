/** Gives every label set one number, and every number to one label set. */
@NullMarked
package io.pilus.identity.allocation;

import org.jspecify.annotations.NullMarked;

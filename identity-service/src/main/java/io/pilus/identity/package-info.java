/** identity-service: what its features share. */
@NullMarked
package io.pilus.identity;

import org.jspecify.annotations.NullMarked;

/** Identities as clients see them. */
@NullMarked
package io.pilus.identity.identity;

import org.jspecify.annotations.NullMarked;

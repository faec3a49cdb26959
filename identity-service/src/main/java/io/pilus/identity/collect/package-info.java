/** Retires identities that nothing uses, and sets their numbers free. */
@NullMarked
package io.pilus.identity.collect;

import org.jspecify.annotations.NullMarked;

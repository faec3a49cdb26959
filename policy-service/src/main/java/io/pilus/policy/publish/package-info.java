/** Brings the compiled form into the store, by the leader alone. */
@NullMarked
package io.pilus.policy.publish;

import org.jspecify.annotations.NullMarked;

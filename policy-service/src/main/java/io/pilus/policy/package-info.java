/** Reads policy documents, compiles them against identities and publishes the result. */
@NullMarked
package io.pilus.policy;

import org.jspecify.annotations.NullMarked;

/** Tests of the feature, through REST where a client would use it. */
@NullMarked
package io.pilus.identity.allocation;

import org.jspecify.annotations.NullMarked;

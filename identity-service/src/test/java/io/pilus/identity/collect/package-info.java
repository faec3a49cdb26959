/** Tests of the feature, through REST where a client would use it. */
@NullMarked
package io.pilus.identity.collect;

import org.jspecify.annotations.NullMarked;

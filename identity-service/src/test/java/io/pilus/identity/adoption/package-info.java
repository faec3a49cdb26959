/** Tests of the feature, through REST where a client would use it. */
@NullMarked
package io.pilus.identity.adoption;

import org.jspecify.annotations.NullMarked;

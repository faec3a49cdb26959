/** Tests of the shared REST behaviour, on a small resource of their own. */
@NullMarked
package io.pilus.rest;

import org.jspecify.annotations.NullMarked;

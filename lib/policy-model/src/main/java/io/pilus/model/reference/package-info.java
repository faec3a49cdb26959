/** The obviously right way to judge a packet, slow on purpose, and random policies to hold the fast way against it. */
@NullMarked
package io.pilus.model.reference;

import org.jspecify.annotations.NullMarked;

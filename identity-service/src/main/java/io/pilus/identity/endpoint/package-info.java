/** Publishes what nodes say they have attached, after checking it. */
@NullMarked
package io.pilus.identity.endpoint;

import org.jspecify.annotations.NullMarked;

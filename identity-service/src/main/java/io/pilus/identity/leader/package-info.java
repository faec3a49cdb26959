/** The loop that does what only one replica may do. */
@NullMarked
package io.pilus.identity.leader;

import org.jspecify.annotations.NullMarked;

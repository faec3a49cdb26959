/** What is done to Pilus, on the real parts, and what it may lose. */
@NullMarked
package io.pilus.faults;

import org.jspecify.annotations.NullMarked;

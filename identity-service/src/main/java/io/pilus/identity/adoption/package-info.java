/** Brings back into a restored store what nodes still have of the time that the backup lacks. */
@NullMarked
package io.pilus.identity.adoption;

import org.jspecify.annotations.NullMarked;

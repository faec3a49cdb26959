/** What somebody should look at. */
@NullMarked
package io.pilus.identity.alarm;

import org.jspecify.annotations.NullMarked;

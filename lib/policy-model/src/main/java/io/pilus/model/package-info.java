/** Rules, verdict tables and the compiler between them: the one place where policy precedence is decided. */
@NullMarked
package io.pilus.model;

import org.jspecify.annotations.NullMarked;

/** Keeps the page of what was done to Pilus and what it lost. */
@NullMarked
package io.pilus.testing.cases;

import org.jspecify.annotations.NullMarked;

/** Runs the code of several processes in one, over a store and a schedule that a seed decides. */
@NullMarked
package io.pilus.simulation;

import org.jspecify.annotations.NullMarked;

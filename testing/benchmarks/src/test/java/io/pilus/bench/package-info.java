/** Tests of the benchmarks' method, not of their results. */
@NullMarked
package io.pilus.bench;

import org.jspecify.annotations.NullMarked;

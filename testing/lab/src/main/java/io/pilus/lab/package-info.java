/** A cluster of network-namespace nodes on one machine: what the demo, the system tests and the benchmarks run on. */
@NullMarked
package io.pilus.lab;

import org.jspecify.annotations.NullMarked;

/** The agent of one node: what all its features share. */
@NullMarked
package io.pilus.node;

import org.jspecify.annotations.NullMarked;

/** Nodes and pods on the test's own kernel, in namespaces that end with the test. */
@NullMarked
package io.pilus.node.testing;

import org.jspecify.annotations.NullMarked;

/** Tests of attaching and detaching on the real kernel. */
@NullMarked
package io.pilus.node.endpoint;

import org.jspecify.annotations.NullMarked;

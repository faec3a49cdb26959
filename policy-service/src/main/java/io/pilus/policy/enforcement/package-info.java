/** Which nodes have a document in their kernel, and waiting until all have. */
@NullMarked
package io.pilus.policy.enforcement;

import org.jspecify.annotations.NullMarked;

/** Reads the text of policy documents, strictly: what is wrong is named by place and reason. */
@NullMarked
package io.pilus.policy.source;

import org.jspecify.annotations.NullMarked;

/** The compiled form of all documents, kept up to date change by change. */
@NullMarked
package io.pilus.policy.compile;

import org.jspecify.annotations.NullMarked;

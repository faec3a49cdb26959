/** Namespaces and their labels. */
@NullMarked
package io.pilus.identity.namespace;

import org.jspecify.annotations.NullMarked;

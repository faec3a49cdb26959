/** Policy documents as users write, read and delete them. */
@NullMarked
package io.pilus.policy.document;

import org.jspecify.annotations.NullMarked;

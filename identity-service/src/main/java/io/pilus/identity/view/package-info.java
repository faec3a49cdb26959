/** What this replica has seen of the store, kept up to date by its channels. */
@NullMarked
package io.pilus.identity.view;

import org.jspecify.annotations.NullMarked;

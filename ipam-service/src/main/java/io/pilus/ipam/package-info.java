/** Settings that the features of ipam-service share. */
@NullMarked
package io.pilus.ipam;

import org.jspecify.annotations.NullMarked;

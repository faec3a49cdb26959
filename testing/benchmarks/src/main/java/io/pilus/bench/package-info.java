/** The gates of the design's section 9: each is measured beside its peers in the same run. */
@NullMarked
package io.pilus.bench;

import org.jspecify.annotations.NullMarked;

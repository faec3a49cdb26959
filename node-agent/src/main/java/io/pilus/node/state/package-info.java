/** What this node knows of the cluster and of itself: as etcd said it last, in memory and on disk. */
@NullMarked
package io.pilus.node.state;

import org.jspecify.annotations.NullMarked;

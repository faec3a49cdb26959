/** Who holds which address, and whose which range is: from the cluster's view into the datapath's maps. */
@NullMarked
package io.pilus.node.route;

import org.jspecify.annotations.NullMarked;

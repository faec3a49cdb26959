/** Workloads: which one is on which node, with which identity. */
@NullMarked
package io.pilus.identity.workload;

import org.jspecify.annotations.NullMarked;

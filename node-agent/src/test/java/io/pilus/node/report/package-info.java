/** Tests of what an agent tells of itself. */
@NullMarked
package io.pilus.node.report;

import org.jspecify.annotations.NullMarked;

/** What every kind of policy document is read into: one model of selectors, peers and ports. */
@NullMarked
package io.pilus.policy.rule;

import org.jspecify.annotations.NullMarked;

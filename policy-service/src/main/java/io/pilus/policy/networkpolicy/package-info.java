/** The dialect networking.k8s.io/v1 NetworkPolicy. */
@NullMarked
package io.pilus.policy.networkpolicy;

import org.jspecify.annotations.NullMarked;

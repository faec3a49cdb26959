/** The fault bench: outages of a lab's parts under traffic, churn and changes, and what they cost. */
@NullMarked
package io.pilus.faults;

import org.jspecify.annotations.NullMarked;

/** The pilus command: clusters on this machine, and everything that a user asks the services and agents. */
@NullMarked
package io.pilus.cli;

import org.jspecify.annotations.NullMarked;

@NullMarked
package io.pilus.cli;

import org.jspecify.annotations.NullMarked;

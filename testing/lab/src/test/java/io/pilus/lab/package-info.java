@NullMarked
package io.pilus.lab;

import org.jspecify.annotations.NullMarked;

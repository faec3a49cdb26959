/** Tests of the binding on the real kernel. */
@NullMarked
package io.pilus.libbpf;

import org.jspecify.annotations.NullMarked;

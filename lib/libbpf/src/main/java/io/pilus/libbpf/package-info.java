/** BPF objects, maps, programs and links: the part of libbpf 1.x and bpf(2) that Pilus calls. */
@NullMarked
package io.pilus.libbpf;

import org.jspecify.annotations.NullMarked;

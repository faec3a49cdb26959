/** The datapath, judged packet by packet in the kernel (BPF_PROG_TEST_RUN). */
@NullMarked
package io.pilus.bpf;

import org.jspecify.annotations.NullMarked;

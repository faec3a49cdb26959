package io.pilus.libbpf;

import jnr.ffi.LibraryLoader;
import jnr.ffi.Pointer;
import jnr.ffi.annotations.In;
import jnr.ffi.annotations.Out;
import jnr.ffi.types.u_int64_t;

/** The C library: C names, C types, no behaviour; public only because jnr-ffi must see it. */
public interface LibC {

    LibC INSTANCE = LibraryLoader.create(LibC.class).failImmediately().load("libc.so.6");

    /** Number of bpf(2) on x86-64. */
    long BPF_X86_64 = 321;

    /** Number of bpf(2) on arm64 and every other architecture with the generic table. */
    long BPF_GENERIC = 280;

    long syscall(long number, int command, @In @Out byte[] attributes, int size);

    int close(int fd);

    int dup3(int from, int to, int flags);

    int mount(@In String source, @In String target, @In String type, @u_int64_t long flags, @In String data);

    /** A va_list is an array of one element, so its value is a pointer. */
    int vsnprintf(@Out byte[] buffer, long size, Pointer format, Pointer arguments);
}

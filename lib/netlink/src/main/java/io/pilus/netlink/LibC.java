package io.pilus.netlink;

import java.nio.ByteBuffer;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Runtime;
import jnr.ffi.annotations.In;
import jnr.ffi.annotations.Out;
import jnr.ffi.types.size_t;
import jnr.ffi.types.ssize_t;

/** The C library: C names, C types, no behaviour; public only because jnr-ffi must see it. Every function gives -1 and sets errno when it fails. */
public interface LibC {

    LibC INSTANCE = LibraryLoader.create(LibC.class).failImmediately().load("libc.so.6");
    Runtime RUNTIME = Runtime.getRuntime(INSTANCE);

    int socket(int domain, int type, int protocol);

    int setsockopt(int fd, int level, int option, @In int[] value, int length);

    int getsockopt(int fd, int level, int option, @Out long[] value, @In @Out int[] length);

    @ssize_t
    long send(int fd, @In ByteBuffer message, @size_t long length, int flags);

    @ssize_t
    long recv(int fd, @Out ByteBuffer message, @size_t long length, int flags);

    int open(@In String path, int flags);

    int close(int fd);

    int flock(int fd, int operation);

    int setns(int fd, int type);

    int unshare(int flags);

    int ioctl(int fd, long request);

    static int errno() {
        return LastError.getLastError(RUNTIME);
    }
}

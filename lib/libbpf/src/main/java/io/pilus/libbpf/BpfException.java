package io.pilus.libbpf;

import jnr.constants.platform.Errno;

/** A call into libbpf or the kernel failed. The message names the call, what it was about, and the errno's text. */
public class BpfException extends RuntimeException {

    private final int errno;

    public BpfException(String call, String about, int errno) {
        this(call, about, errno, "");
    }

    BpfException(String call, String about, int errno, String log) {
        super("%s(%s): %s%s"
                .formatted(call, about, Errno.valueOf(errno).description(), log.isEmpty() ? "" : "\n" + log));
        this.errno = errno;
    }

    /** The kernel's number: {@code Errno.ENOENT.intValue()} and so on. */
    public int errno() {
        return errno;
    }

    boolean is(Errno expected) {
        return errno == expected.intValue();
    }
}

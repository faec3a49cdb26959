package io.pilus.netlink;

import jnr.constants.platform.Errno;

/** The kernel refused. The message names the operation, the device and the kernel's own words. */
public final class NetlinkException extends RuntimeException {

    private final int errno;

    NetlinkException(String operation, int errno, String kernelMessage) {
        super("%s: %s%s"
                .formatted(
                        operation,
                        Errno.valueOf(errno).description(),
                        kernelMessage.isEmpty() ? "" : " (" + kernelMessage + ")"));
        this.errno = errno;
    }

    NetlinkException(String operation, int errno) {
        this(operation, errno, "");
    }

    /** What exists already was to be made. */
    public boolean exists() {
        return errno == Errno.EEXIST.intValue();
    }

    /** What the call was about is not there (any more): a device, an address, a route, a file. */
    public boolean isGone() {
        return errno == Errno.ENOENT.intValue()
                || errno == Errno.ENODEV.intValue()
                || errno == Errno.ESRCH.intValue()
                || errno == Errno.EADDRNOTAVAIL.intValue();
    }

    public int errno() {
        return errno;
    }
}

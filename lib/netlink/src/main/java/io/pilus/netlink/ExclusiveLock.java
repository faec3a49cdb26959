package io.pilus.netlink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import jnr.constants.platform.Errno;

/**
 * The sole right to a directory, a file or a namespace among the processes of this machine that ask for it. It ends with its
 * process, however that ends.
 */
public final class ExclusiveLock implements AutoCloseable {

    private static final LibC LIB = LibC.INSTANCE;
    private static final int READ_CLOEXEC = 0x80000;
    private static final int LOCK_EX_NB = 2 | 4;

    private final int fd;
    private final AtomicBoolean closed = new AtomicBoolean();

    private ExclusiveLock(int fd) {
        this.fd = fd;
    }

    /**
     * Empty when another has it, in this process too.
     *
     * @throws NetlinkException when it cannot be opened
     */
    public static Optional<ExclusiveLock> take(Path path) {
        int fd = LIB.open(path.toString(), READ_CLOEXEC);
        if (fd < 0) {
            throw new NetlinkException("open " + path, LibC.errno());
        }
        if (LIB.flock(fd, LOCK_EX_NB) < 0) {
            int errno = LibC.errno();
            LIB.close(fd);
            if (errno != Errno.EWOULDBLOCK.intValue()) {
                throw new NetlinkException("flock " + path, errno);
            }
            return Optional.empty();
        }
        return Optional.of(new ExclusiveLock(fd));
    }

    /** The process that has it, where this process can see that one. */
    public static OptionalLong holder(Path path) {
        try (Stream<String> locks = Files.lines(Path.of("/proc/locks"))) {
            long device = (Long) Files.getAttribute(path, "unix:dev");
            long major = (device >>> 8) & 0xfff;
            long minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
            String file = "%02x:%02x:%d".formatted(major, minor, (Long) Files.getAttribute(path, "unix:ino"));
            return locks.map(lock -> lock.strip().split("\\s+", -1))
                    .filter(lock -> lock.length > 5 && lock[1].equals("FLOCK") && lock[5].equals(file))
                    .mapToLong(lock -> Long.parseLong(lock[4]))
                    .filter(pid -> pid > 0)
                    .findFirst();
        } catch (IOException e) {
            throw new UncheckedIOException("who has locked " + path, e);
        }
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            LIB.close(fd);
        }
    }
}

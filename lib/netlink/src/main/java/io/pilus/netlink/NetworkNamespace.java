package io.pilus.netlink;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import jnr.constants.platform.Errno;

/** A network namespace that stays in existence while this is open, also when its path is unmounted. Safe for threads. */
public final class NetworkNamespace implements AutoCloseable {

    private static final LibC LIB = LibC.INSTANCE;
    private static final int READ_CLOEXEC = 0x80000;
    private static final int CLONE_NEWNET = 0x40000000;

    /** ioctl of a namespace: which kind it is. */
    private static final long NS_GET_NSTYPE = 0xb703;

    private static final int AF_UNIX = 1;
    private static final int SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
    private static final int SOL_SOCKET = 1;
    private static final int SO_NETNS_COOKIE = 71;

    private final String name;
    private final int fd;
    private final AtomicBoolean closed = new AtomicBoolean();

    private NetworkNamespace(String name, int fd) {
        this.name = name;
        this.fd = fd;
    }

    /**
     * @param path a namespace file: {@code /run/netns/x}, {@code /proc/1/ns/net}
     * @throws NetlinkException when it is not there, or EINVAL when it is something else
     */
    public static NetworkNamespace open(Path path) {
        int fd = LIB.open(path.toString(), READ_CLOEXEC);
        if (fd < 0) {
            throw new NetlinkException("open network namespace " + path, LibC.errno());
        }
        if (LIB.ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
            LIB.close(fd);
            throw new NetlinkException(
                    "open network namespace " + path, Errno.EINVAL.intValue(), "the file is no network namespace");
        }
        return new NetworkNamespace(path.toString(), fd);
    }

    /** The calling thread's. */
    public static NetworkNamespace current() {
        return open(Path.of("/proc/thread-self/ns/net"));
    }

    /** A new one without a path, empty but for a loopback device that is down. It ends when nothing holds it. */
    public static NetworkNamespace create() {
        return onThread("new network namespace", () -> {
            if (LIB.unshare(CLONE_NEWNET) < 0) {
                throw new NetlinkException("unshare(CLONE_NEWNET)", LibC.errno());
            }
            return current();
        });
    }

    /**
     * Does something inside the namespace, on a thread of its own. Sockets made there stay there.
     *
     * @throws RuntimeException what the task threw; a checked exception as the cause of a {@link CompletionException}
     */
    public <T> T call(Callable<T> task) {
        return onThread("in " + name, () -> {
            if (LIB.setns(fd, CLONE_NEWNET) < 0) {
                throw new NetlinkException("setns(" + name + ")", LibC.errno());
            }
            return task.call();
        });
    }

    /** A connection to its rtnetlink, for any thread. */
    public Netlink netlink() {
        return call(Netlink::open);
    }

    /**
     * Sets what {@code /proc/sys} holds, where it is another value.
     *
     * @param settings by keys with slashes, as device names may hold dots: {@code net/ipv4/conf/eth0/rp_filter}
     */
    public void sysctls(Map<String, String> settings) {
        call(() -> {
            for (Map.Entry<String, String> setting : settings.entrySet()) {
                Path file = Path.of("/proc/sys", setting.getKey());
                if (!Files.readString(file).strip().equals(setting.getValue())) {
                    Files.writeString(file, setting.getValue());
                }
            }
            return name;
        });
    }

    /** Differs from every other namespace's that exists now; given again when the namespace is gone. */
    public long inode() {
        try {
            return (Long) Files.getAttribute(Path.of("/proc/self/fd/" + fd), "unix:ino");
        } catch (IOException e) {
            throw new UncheckedIOException("inode of " + name, e);
        }
    }

    /** Never given to another namespace until the machine boots. */
    public long cookie() {
        return call(() -> {
            int socket = LIB.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
            long[] cookie = new long[1];
            int result = socket < 0
                    ? socket
                    : LIB.getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, cookie, new int[] {Long.BYTES});
            int errno = LibC.errno();
            LIB.close(socket);
            if (result < 0) {
                throw new NetlinkException("getsockopt(SO_NETNS_COOKIE) in " + name, errno);
            }
            return cookie[0];
        });
    }

    /** Where this process sees the namespace, as long as it is open. */
    public Path path() {
        return Path.of("/proc/" + ProcessHandle.current().pid() + "/fd/" + fd);
    }

    int fd() {
        return fd;
    }

    @Override
    public String toString() {
        return name;
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            LIB.close(fd);
        }
    }

    /** A thread that changed its namespace is never used for anything else. */
    private static <T> T onThread(String name, Callable<T> task) {
        var result = new FutureTask<>(task);
        Thread thread = Thread.ofPlatform().daemon().name(name).start(result);
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    thread.join();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true;
                    thread.interrupt();
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
        return switch (result.state()) {
            case SUCCESS -> result.resultNow();
            case FAILED ->
                throw result.exceptionNow() instanceof RuntimeException e
                        ? e
                        : new CompletionException(result.exceptionNow());
            case CANCELLED, RUNNING -> throw new IllegalStateException(name + ": " + result.state());
        };
    }
}

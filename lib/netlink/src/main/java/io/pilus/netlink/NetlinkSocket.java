package io.pilus.netlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.Supplier;
import jnr.constants.platform.Errno;
import org.jspecify.annotations.Nullable;

/** A request and its answers, one at a time. It stays in the network namespace in which it was opened. */
final class NetlinkSocket implements AutoCloseable {

    static final int REQUEST = 1;
    static final int ACK = 4;
    static final int DUMP = 0x300;
    static final int REPLACE = 0x100;
    static final int EXCLUSIVE = 0x200;
    static final int CREATE = 0x400;

    private static final int AF_NETLINK = 16;
    private static final int SOCK_RAW_CLOEXEC = 3 | 0x80000;
    private static final int NETLINK_ROUTE = 0;
    private static final int SOL_NETLINK = 270;
    private static final int NETLINK_CAP_ACK = 10;
    private static final int NETLINK_EXT_ACK = 11;
    private static final int NETLINK_GET_STRICT_CHECK = 12;

    private static final int TYPE_ERROR = 2;
    private static final int TYPE_DONE = 3;
    private static final int DUMP_INTERRUPTED = 0x10;
    private static final int CAPPED = 0x100;
    private static final int HAS_TEXT = 0x200;
    private static final int ERROR_TEXT = 1;
    private static final int DUMP_ATTEMPTS = 20;

    private static final LibC LIB = LibC.INSTANCE;

    private final int fd;
    private final ReentrantLock one = new ReentrantLock();
    private final ByteBuffer answer = ByteBuffer.allocateDirect(64 * 1024).order(ByteOrder.nativeOrder());
    private final AtomicBoolean closed = new AtomicBoolean();
    private int sequence;

    /** Opens it in the calling thread's network namespace. */
    NetlinkSocket() {
        fd = LIB.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0) {
            throw new NetlinkException("socket(AF_NETLINK)", LibC.errno());
        }
        for (int option : new int[] {NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHECK}) {
            if (LIB.setsockopt(fd, SOL_NETLINK, option, new int[] {1}, Integer.BYTES) < 0) {
                int errno = LibC.errno();
                LIB.close(fd);
                throw new NetlinkException("setsockopt(SOL_NETLINK, " + option + ")", errno);
            }
        }
    }

    /** Sends a request that asks for an acknowledgement only. */
    void execute(String operation, Message request) {
        one.lock();
        try {
            exchange(operation, request, _ -> null, new ArrayList<>());
        } finally {
            one.unlock();
        }
    }

    /**
     * Everything that a request lists.
     *
     * @param request made anew when the kernel's list changed while it was read
     * @param reader gets the message's fixed part and attributes; null leaves one out
     */
    <T> List<T> dump(String operation, Supplier<Message> request, Function<ByteBuffer, @Nullable T> reader) {
        one.lock();
        try {
            for (int attempt = 1; ; attempt++) {
                List<T> found = new ArrayList<>();
                if (!exchange(operation, request.get(), reader, found) || attempt == DUMP_ATTEMPTS) {
                    return found;
                }
            }
        } finally {
            one.unlock();
        }
    }

    /** Whether the list changed while the kernel wrote it. */
    private <T> boolean exchange(
            String operation, Message request, Function<ByteBuffer, @Nullable T> reader, List<T> found) {
        ByteBuffer bytes = request.finish(++sequence);
        if (LIB.send(fd, bytes, bytes.remaining(), 0) < 0) {
            throw new NetlinkException(operation, LibC.errno());
        }
        boolean interrupted = false;
        while (true) {
            receive(operation);
            while (answer.remaining() >= Message.HEADER) {
                int start = answer.position();
                int length = answer.getInt(start);
                int type = answer.getShort(start + 4) & 0xffff;
                int flags = answer.getShort(start + 6) & 0xffff;
                if (length < Message.HEADER || length > answer.remaining()) {
                    throw new NetlinkException(operation, Errno.EBADMSG.intValue());
                }
                if (answer.getInt(start + 8) == sequence) {
                    interrupted |= (flags & DUMP_INTERRUPTED) != 0;
                    ByteBuffer body = answer.slice(start + Message.HEADER, length - Message.HEADER)
                            .order(ByteOrder.nativeOrder());
                    if (type == TYPE_ERROR || type == TYPE_DONE) {
                        finish(operation, flags, type, body);
                        return interrupted;
                    }
                    T item = reader.apply(body);
                    if (item != null) {
                        found.add(item);
                    }
                }
                answer.position(Math.min(answer.limit(), start + ((length + 3) & ~3)));
            }
        }
    }

    private static void finish(String operation, int flags, int type, ByteBuffer body) {
        int errno = body.remaining() >= Integer.BYTES ? -body.getInt(0) : 0;
        if (errno <= 0) {
            return;
        }
        String text = "";
        if ((flags & HAS_TEXT) != 0) {
            int texts = Integer.BYTES;
            if (type == TYPE_ERROR) {
                texts += (flags & CAPPED) != 0 ? Message.HEADER : body.getInt(Integer.BYTES);
            }
            text = new Attributes(body.position(Math.min(texts, body.limit()))).text(ERROR_TEXT);
        }
        throw new NetlinkException(operation, errno, text);
    }

    private void receive(String operation) {
        answer.clear();
        long length;
        do {
            length = LIB.recv(fd, answer, answer.capacity(), 0);
        } while (length < 0 && LibC.errno() == Errno.EINTR.intValue());
        if (length < 0) {
            throw new NetlinkException(operation, LibC.errno());
        }
        answer.limit((int) length);
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            LIB.close(fd);
        }
    }
}

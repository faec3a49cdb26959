package io.pilus.libbpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jnr.ffi.LastError;

/** bpf(2) for what libbpf 1.1 has no call, and what every caller does with results. */
final class Kernel {

    static final int MAP_CREATE = 0;
    static final int BTF_GET_FD_BY_ID = 19;
    static final int LINK_CREATE = 28;
    static final int LINK_UPDATE = 29;
    static final int LINK_DETACH = 34;

    private static final int INFO_BYTES = 256;
    private static final long NUMBER =
            System.getProperty("os.arch").equals("amd64") ? LibC.BPF_X86_64 : LibC.BPF_GENERIC;

    private Kernel() {}

    /** A zeroed union bpf_attr. */
    static ByteBuffer attributes() {
        return ByteBuffer.allocate(128).order(ByteOrder.nativeOrder());
    }

    /** The call's result, not negative. */
    static int bpf(int command, ByteBuffer attributes, String call, String about) {
        long result = LibC.INSTANCE.syscall(NUMBER, command, attributes.array(), attributes.capacity());
        if (result < 0) {
            throw new BpfException(call, about, errno());
        }
        return (int) result;
    }

    /** What the kernel says of a map, program or link: struct bpf_map_info, bpf_prog_info, bpf_link_info. */
    static ByteBuffer info(int fd, String about) {
        byte[] info = new byte[INFO_BYTES];
        check(
                LibBpf.INSTANCE.bpf_obj_get_info_by_fd(fd, info, new int[] {info.length}),
                "bpf_obj_get_info_by_fd",
                about);
        return ByteBuffer.wrap(info).order(ByteOrder.nativeOrder());
    }

    /** The result, unless it is -errno. */
    static int check(int result, String call, String about) {
        if (result < 0) {
            throw new BpfException(call, about, -result);
        }
        return result;
    }

    static int errno() {
        return LastError.getLastError(LibBpf.RUNTIME);
    }

    static void close(int fd) {
        LibC.INSTANCE.close(fd);
    }
}

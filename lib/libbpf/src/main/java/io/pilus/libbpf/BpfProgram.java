package io.pilus.libbpf;

import java.nio.file.Path;
import jnr.ffi.Pointer;

/** A program that the kernel has verified. */
public final class BpfProgram {

    /** Offset of {@code ifindex} in struct __sk_buff. */
    private static final int SKB_IFINDEX = 40;

    private static final int SKB_BYTES = 192;
    private static final int OUT_BYTES = 65536;
    private static final int OPTIONS_BYTES = 80;

    private final String name;
    private final int fd;

    /**
     * What became of a test run.
     *
     * @param packet as the program left it
     * @param nanos a run, on average
     */
    public record TestRun(int result, byte[] packet, int nanos) {}

    BpfProgram(String name, int fd) {
        this.name = name;
        this.fd = fd;
    }

    public String name() {
        return name;
    }

    /** The kernel's number of this program. */
    public int id() {
        return Kernel.info(fd, name).getInt(4);
    }

    public void pin(Path path) {
        Kernel.check(LibBpf.INSTANCE.bpf_obj_pin(fd, path.toString()), "bpf_obj_pin", path.toString());
    }

    /**
     * Runs it on a packet in the kernel, redirecting nothing (BPF_PROG_TEST_RUN).
     *
     * @param packet an Ethernet frame of at least 14 bytes
     * @param ifindex of a device in this network namespace, which the packet pretends to come from
     */
    public TestRun testRun(byte[] packet, int ifindex, int repeat) {
        var memory = LibBpf.RUNTIME.getMemoryManager();
        Pointer in = memory.allocateDirect(packet.length);
        in.put(0, packet, 0, packet.length);
        Pointer out = memory.allocateDirect(OUT_BYTES);
        Pointer context = memory.allocateDirect(SKB_BYTES, true);
        context.putInt(SKB_IFINDEX, ifindex);
        Pointer options = memory.allocateDirect(OPTIONS_BYTES, true);
        options.putLong(0, OPTIONS_BYTES);
        options.putPointer(8, in);
        options.putPointer(16, out);
        options.putInt(24, packet.length);
        options.putInt(28, OUT_BYTES);
        options.putPointer(32, context);
        options.putInt(48, SKB_BYTES);
        options.putInt(60, repeat);
        Kernel.check(LibBpf.INSTANCE.bpf_prog_test_run_opts(fd, options), "bpf_prog_test_run_opts", name);
        byte[] result = new byte[options.getInt(28)];
        out.get(0, result, 0, result.length);
        return new TestRun(options.getInt(56), result, options.getInt(64));
    }

    int fd() {
        return fd;
    }
}

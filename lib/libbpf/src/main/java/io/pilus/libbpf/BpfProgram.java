package io.pilus.libbpf;

import java.nio.file.Path;
import jnr.constants.platform.Errno;

/** A program that the kernel has verified. */
public final class BpfProgram {

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
        PacketRunner runner = runner();
        if (!runner.run(packet, ifindex, repeat)) {
            throw new BpfException("bpf_prog_test_run_opts", name, Errno.EINVAL.intValue());
        }
        return new TestRun(runner.result(), runner.packet(), runner.nanos());
    }

    /** Runs it on many packets. */
    public PacketRunner runner() {
        return new PacketRunner(this);
    }

    /** The file descriptor: the value by which this program is put into a map of programs. */
    public int descriptor() {
        return fd;
    }
}

package io.pilus.libbpf;

import jnr.constants.platform.Errno;
import jnr.ffi.Pointer;

/** Runs a program on packet after packet in the kernel (BPF_PROG_TEST_RUN), with buffers of its own. For one thread. */
public final class PacketRunner {

    private static final int PACKET_BYTES = 65536;
    private static final int SKB_BYTES = 192;
    private static final int OPTIONS_BYTES = 80;

    // offsets in struct __sk_buff
    private static final int MARK = 8;
    private static final int IFINDEX = 40;
    private static final int CONTROL_BLOCK = 48;
    private static final int GSO_SIZE = 176;

    private final BpfProgram program;
    private final Pointer in = memory(PACKET_BYTES);
    private final Pointer out = memory(PACKET_BYTES);
    private final Pointer skb = memory(SKB_BYTES);
    private final Pointer skbOut = memory(SKB_BYTES);
    private final Pointer options = memory(OPTIONS_BYTES);

    PacketRunner(BpfProgram program) {
        this.program = program;
        options.putLong(0, OPTIONS_BYTES);
        options.putPointer(8, in);
        options.putPointer(16, out);
        options.putPointer(32, skb);
        options.putPointer(40, skbOut);
    }

    private static Pointer memory(int bytes) {
        return LibBpf.RUNTIME.getMemoryManager().allocateDirect(bytes, true);
    }

    /** The mark that the next packets bear. */
    public PacketRunner mark(int mark) {
        skb.putInt(MARK, mark);
        return this;
    }

    /** The next packets are to be cut into segments with so much payload. */
    public PacketRunner segments(int bytes) {
        skb.putInt(GSO_SIZE, bytes);
        return this;
    }

    /** A word of the next packets' control block. */
    public PacketRunner controlBlock(int index, int word) {
        skb.putInt(CONTROL_BLOCK + 4L * index, word);
        return this;
    }

    /**
     * @return whether the kernel took the packet: it refuses those that are shorter than their Ethernet header, or than
     *     the IP header that this announces
     */
    public boolean run(byte[] packet, int ifindex, int repeat) {
        in.put(0, packet, 0, packet.length);
        skb.putInt(IFINDEX, ifindex);
        options.putInt(24, packet.length);
        options.putInt(28, PACKET_BYTES);
        options.putInt(48, SKB_BYTES);
        options.putInt(52, SKB_BYTES);
        options.putInt(60, repeat);
        int result = LibBpf.INSTANCE.bpf_prog_test_run_opts(program.descriptor(), options);
        if (result == -Errno.EINVAL.intValue()) {
            return false;
        }
        Kernel.check(result, "bpf_prog_test_run_opts", program.name());
        return true;
    }

    /** What the program gave. */
    public int result() {
        return options.getInt(56);
    }

    /** The packet as the program left it. */
    public byte[] packet() {
        byte[] packet = new byte[options.getInt(28)];
        out.get(0, packet, 0, packet.length);
        return packet;
    }

    /** The mark that the program left on the packet. */
    public int mark() {
        return skbOut.getInt(MARK);
    }

    /** What a run took, on average. */
    public int nanos() {
        return options.getInt(64);
    }
}

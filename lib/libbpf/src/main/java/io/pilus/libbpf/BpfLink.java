package io.pilus.libbpf;

import java.nio.ByteBuffer;
import java.nio.file.Path;

/** A program attached to a device's TCX hook. The attachment lasts as long as this or a pin of it does. */
public final class BpfLink implements AutoCloseable {

    /** Ahead of what others attached. */
    private static final int BEFORE = 1 << 3;

    private final String name;
    private final int fd;

    /** {@code enum bpf_attach_type}. */
    public enum Hook {
        INGRESS(46),
        EGRESS(47);

        private final int type;

        Hook(int type) {
            this.type = type;
        }
    }

    /**
     * @param ifindex 0 when the device is gone
     */
    public record Attachment(int id, int programId, int ifindex) {}

    private BpfLink(String name, int fd) {
        this.name = name;
        this.fd = fd;
    }

    /**
     * Attaches ahead of all others. Waits for a grace period of the kernel (about 10 ms).
     *
     * @param ifindex of a device in the calling thread's network namespace
     */
    public static BpfLink attach(BpfProgram program, int ifindex, Hook hook) {
        String about = program.name() + " at device " + ifindex;
        ByteBuffer attributes = Kernel.attributes()
                .putInt(0, program.descriptor())
                .putInt(4, ifindex)
                .putInt(8, hook.type)
                .putInt(12, BEFORE);
        return new BpfLink(about, Kernel.bpf(Kernel.LINK_CREATE, attributes, "BPF_LINK_CREATE", about));
    }

    /**
     * The link that is pinned there.
     *
     * @throws BpfException ENOENT when none is
     */
    public static BpfLink pinned(Path pin) {
        return new BpfLink(
                pin.toString(),
                Kernel.check(LibBpf.INSTANCE.bpf_obj_get(pin.toString()), "bpf_obj_get", pin.toString()));
    }

    /**
     * Puts another program in the place of the attached one, between two packets.
     *
     * @throws BpfException ENOLINK when the device is gone
     */
    public void update(BpfProgram program) {
        ByteBuffer attributes = Kernel.attributes().putInt(0, fd).putInt(4, program.descriptor());
        Kernel.bpf(Kernel.LINK_UPDATE, attributes, "BPF_LINK_UPDATE", name);
    }

    /** Takes the program off its device, whoever else holds the link. */
    public void detach() {
        Kernel.bpf(Kernel.LINK_DETACH, Kernel.attributes().putInt(0, fd), "BPF_LINK_DETACH", name);
    }

    public Attachment info() {
        ByteBuffer info = Kernel.info(fd, name);
        return new Attachment(info.getInt(4), info.getInt(8), info.getInt(16));
    }

    public void pin(Path path) {
        Kernel.check(LibBpf.INSTANCE.bpf_obj_pin(fd, path.toString()), "bpf_obj_pin", path.toString());
    }

    @Override
    public void close() {
        Kernel.close(fd);
    }
}

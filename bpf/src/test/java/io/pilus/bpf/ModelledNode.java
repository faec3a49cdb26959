package io.pilus.bpf;

import io.pilus.bpf.PacketModel.Answer;
import io.pilus.bpf.PacketModel.Connection;
import io.pilus.bpf.PacketModel.Count;
import io.pilus.bpf.PacketModel.Ends;
import io.pilus.bpf.PacketModel.Hook;
import io.pilus.bpf.PacketModel.Word;
import io.pilus.bpf.World.Pod;
import io.pilus.libbpf.BpfMap;
import io.pilus.libbpf.BpfObject;
import io.pilus.libbpf.PacketRunner;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The datapath in the kernel and the model of it side by side, given the same packets. For one thread. */
final class ModelledNode implements AutoCloseable {

    private static final int IPV6 = 1 << 31;
    private static final int OPENED_BY_HIGH = 1;
    private static final int REPLIED = 2;
    private static final int CLOSING = 4;
    private static final int SMALLEST = 14;

    /** On every packet, as if a pod or the network had set it. */
    private static final int MARK = 0xf00d;

    /** Packets and bytes. */
    private record Sum(long packets, long bytes) {
        Sum plus(long morePackets, long moreBytes) {
            return new Sum(packets + morePackets, bytes + moreBytes);
        }
    }

    final World world;
    final PacketModel model;
    private final Datapath datapath;
    private final BpfObject tunnel;
    private final Map<Hook, PacketRunner> runners = new EnumMap<>(Hook.class);
    private final Map<Count, Sum> expected = new HashMap<>();
    private @Nullable Pod sender;

    ModelledNode(boolean tunnelled) {
        world = new World(tunnelled);
        model = new PacketModel(world);
        datapath = Datapath.of(world);
        tunnel = BpfObject.open("tunnelled.bpf.o", elf()).load();
        int fromOverlay = datapath.object().program("from_overlay").descriptor();
        tunnel.map("next").update(Datapath.int4(0), Datapath.int4(fromOverlay));
        for (Hook hook : Hook.values()) {
            BpfObject object = hook == Hook.FROM_OVERLAY ? tunnel : datapath.object();
            String program = hook == Hook.FROM_OVERLAY ? "tunnelled" : hook.program();
            runners.put(hook, object.program(program).runner().mark(MARK));
        }
        sender(world.pods.getFirst());
    }

    private static byte[] elf() {
        try (InputStream in = ModelledNode.class.getResourceAsStream("/pilus/bpf/tunnelled.bpf.o")) {
            return Objects.requireNonNull(in, "tunnelled.bpf.o is not built").readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whose interface the next packets come from; null: nobody's. */
    void sender(@Nullable Pod pod) {
        sender = pod;
        World.installSender(datapath, pod);
    }

    @Nullable
    Pod sender() {
        return sender;
    }

    /** Gives a slot another policy, as an agent does. */
    void point(int slot, int table) {
        world.point(slot, table);
        world.installSlot(datapath, slot);
    }

    /**
     * Whether the kernel can be given this frame in a test run: one that ends inside the IP header that its EtherType
     * announces it refuses.
     */
    static boolean isRunnable(byte[] frame) {
        int type = frame.length < SMALLEST ? 0 : (frame[12] & 0xff) << 8 | (frame[13] & 0xff);
        return frame.length > SMALLEST
                && (type != Headers.IPV4 || frame.length >= SMALLEST + 20)
                && (type != Headers.IPV6 || frame.length >= SMALLEST + 40);
    }

    /** One packet through both; of the tunnel it came from that node with that VNI. */
    Answer run(Hook hook, byte[] frame, Address outer, int vni) {
        PacketRunner runner = Objects.requireNonNull(runners.get(hook));
        Answer answer = switch (hook) {
            case FROM_POD -> model.fromPod(frame, sender);
            case FROM_HOST -> model.fromHost(frame);
            case FROM_NETDEV -> model.fromNetdev(frame);
            case FROM_OVERLAY -> {
                comesThroughTunnel(runner, outer, vni);
                yield model.fromOverlay(frame, outer, vni);
            }
        };
        for (Count count : answer.counts()) {
            expected.merge(count, new Sum(1, answer.length()), (old, one) -> old.plus(1, one.bytes));
        }
        if (!runner.run(frame, World.LOOPBACK, 1)) {
            throw new AssertionError("the kernel refuses to run it");
        }
        if (answer.detour()) {
            byte[] none = new byte[datapath.map("vxlan_detour").valueSize()];
            datapath.map("vxlan_detour").update(Datapath.int4(0), none);
        }
        check(answer, runner);
        return answer;
    }

    private static void comesThroughTunnel(PacketRunner runner, Address outer, int vni) {
        ByteBuffer address = ByteBuffer.wrap(outer.bytes()).order(ByteOrder.nativeOrder());
        runner.controlBlock(0, outer.isMapped() ? vni : vni | IPV6);
        for (int word = 0; word < 4; word++) {
            runner.controlBlock(word + 1, address.getInt(4 * word));
        }
    }

    private static void check(Answer answer, PacketRunner runner) {
        if (runner.result() != answer.action()) {
            throw new AssertionError("action %d, not %d; counted should be %s"
                    .formatted(runner.result(), answer.action(), answer.counts()));
        }
        if (answer.forwarded() && runner.mark() != 0) {
            throw new AssertionError("the mark %x goes along".formatted(runner.mark()));
        }
        byte[] wanted = answer.packet();
        if (wanted == null) {
            return;
        }
        byte[] packet = runner.packet();
        if (answer.encapsulated() && packet.length > 36) {
            packet[34] = 0;
            packet[35] = 0;
        }
        if (!Arrays.equals(packet, wanted)) {
            throw new AssertionError("packet is%n%s, not%n%s"
                    .formatted(HexFormat.of().formatHex(packet), HexFormat.of().formatHex(wanted)));
        }
    }

    /** That the kernel counted what the model did, and holds the same connections. */
    void checkState() {
        Map<Count, Sum> counted = counted();
        if (!counted.equals(expected)) {
            throw new AssertionError(
                    "counts, kernel: %s%nmodel: %s".formatted(without(counted, expected), without(expected, counted)));
        }
        Map<Ends, String> held = new HashMap<>();
        for (BpfMap.Entry entry : datapath.map("ct_current_v1").entries()) {
            connection(
                    held,
                    ByteBuffer.wrap(entry.key()),
                    ByteBuffer.wrap(entry.value()).order(ByteOrder.nativeOrder()));
        }
        Map<Ends, String> modelled = new HashMap<>();
        model.connections.forEach((ends, connection) -> modelled.put(ends, text(connection)));
        if (!held.equals(modelled)) {
            throw new AssertionError(
                    "connections, kernel: %s%nmodel: %s".formatted(without(held, modelled), without(modelled, held)));
        }
    }

    private Map<Count, Sum> counted() {
        Map<Count, Sum> counted = new HashMap<>();
        for (BpfMap.Entry entry : datapath.map("verdicts_v1").entries()) {
            ByteBuffer key = ByteBuffer.wrap(entry.key()).order(ByteOrder.nativeOrder());
            ByteBuffer values = ByteBuffer.wrap(entry.value()).order(ByteOrder.nativeOrder());
            var sum = new Sum(0, 0);
            while (values.hasRemaining()) {
                sum = sum.plus(values.getLong(), values.getLong());
            }
            counted.put(new Count(key.getInt(0), key.getInt(4), key.get(8), key.get(9)), sum);
        }
        return counted;
    }

    /** Begins to compare counts where the kernel stands. */
    void resume() {
        expected.clear();
        expected.putAll(counted());
    }

    private static <V> Map<?, V> without(Map<?, V> all, Map<?, V> others) {
        Map<Object, V> rest = new HashMap<>(all);
        rest.entrySet().removeAll(others.entrySet());
        return rest;
    }

    private static void connection(Map<Ends, String> held, ByteBuffer key, ByteBuffer value) {
        var low = new Address(key.getLong(0), key.getLong(8));
        var high = new Address(key.getLong(16), key.getLong(24));
        int lowPort = key.getShort(32) & 0xffff;
        int highPort = key.getShort(34) & 0xffff;
        Ends ends = PacketModel.ends(low, lowPort, high, highPort, key.get(36) & 0xff);
        int flags = value.getInt(28);
        boolean same = ends.one().equals(low) && ends.onePort() == lowPort;
        var connection = new Connection();
        connection.openedByOther = same == ((flags & OPENED_BY_HIGH) != 0);
        connection.egress = word(value.getLong(0));
        connection.ingress = word(value.getLong(8));
        connection.opener = value.getInt(16);
        connection.receiver = value.getInt(20);
        connection.replied = (flags & REPLIED) != 0;
        connection.closing = (flags & CLOSING) != 0;
        for (int side = 0; side < 2; side++) {
            connection.packets[side] = value.getLong(32 + 8 * side);
            connection.bytes[side] = value.getLong(48 + 8 * side);
        }
        held.put(ends, text(connection));
    }

    private static @Nullable Word word(long word) {
        return word == 0 ? null : new Word((int) (word >>> 32), (int) (word >>> 24) & 0xff, (int) word & 0xffffff);
    }

    private static String text(Connection connection) {
        return "%s %s %s %d>%d %s%s %s %s"
                .formatted(
                        connection.openedByOther,
                        connection.egress,
                        connection.ingress,
                        connection.opener,
                        connection.receiver,
                        connection.replied,
                        connection.closing,
                        Arrays.toString(connection.packets),
                        Arrays.toString(connection.bytes));
    }

    /** Forgets connections and fragments, here and there. */
    void forget() {
        if (model.remembersNothing()) {
            return;
        }
        for (String map : new String[] {"ct_current_v1", "fragments_v1"}) {
            datapath.map(map).keys().forEach(datapath.map(map)::delete);
        }
        model.forget();
    }

    @Override
    public void close() {
        tunnel.close();
        datapath.close();
    }
}

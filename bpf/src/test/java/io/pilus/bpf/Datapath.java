package io.pilus.bpf;

import static java.nio.ByteOrder.nativeOrder;

import io.pilus.libbpf.BpfMap;
import io.pilus.libbpf.BpfObject;
import io.pilus.libbpf.BpfProgram.TestRun;
import io.pilus.libbpf.RingBuffer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The object in the kernel with two pods of one node behind it: {@code a} (10.0.0.2, fd00::2, identity 300) and
 * {@code b} (10.0.0.3, fd00::3, identity 301). Every packet seems to come from the loopback device, so {@link #sender}
 * says whose interface that is. Table 1 allows everything; b's table is 2, empty at first.
 */
final class Datapath implements AutoCloseable {

    static final int SHOT = 2;
    static final int REDIRECT = 7;
    static final int UNSPEC = -1;

    static final int A = 300;
    static final int B = 301;
    static final int INGRESS = 1;
    static final int EGRESS = 2;

    static final int ALLOW = 1;
    static final int DENY = 2;
    static final int DEFAULT_DENY = 3;
    static final int DEFAULT_ALLOW = 4;

    static final String MAC_A = "02:00:00:00:00:02";
    static final String MAC_B = "02:00:00:00:00:03";
    static final String GATEWAY = "02:00:00:00:00:01";

    /** New connections a second and pod, and connections at a time. */
    static final int CONNECTION_RATE = 1000;

    static final int CONNECTION_SHARE = 1500;

    private static final int LOOPBACK = 1;
    private static final int LOCAL = 1;
    private static final int REMOTE = 2;
    private static final int NODE = 4;
    private static final int THIS_NODE = 8;

    private final BpfObject object;
    private final List<byte[]> events = new ArrayList<>();
    private final RingBuffer ring;
    private int generation = 1;

    Datapath() {
        this(0);
    }

    /**
     * @param flags 1: native routing
     */
    Datapath(int flags) {
        this(flags, 1024);
    }

    Datapath(int flags, int connections) {
        this(flags, connections, 1000);
        pod("10.0.0.2", A, 1, MAC_A);
        pod("fd00::2", A, 1, MAC_A);
        pod("10.0.0.3", B, 2, MAC_B);
        pod("fd00::3", B, 2, MAC_B);
        range("10.0.0.0", 96 + 8, 1, "::");
        range("fd00::", 16, 1, "::");
        destination("192.168.0.1", 1, THIS_NODE, "::");
        destination("192.168.0.2", 6, NODE, "192.168.0.2");
        destination("192.168.0.3", 6, NODE, "192.168.0.3");
        known(A);
        known(B);
        table(1, DEFAULT_ALLOW, DEFAULT_ALLOW);
        table(2, DEFAULT_ALLOW, DEFAULT_ALLOW);
        slot(1, 1);
        slot(2, 2);
        sender("a");
    }

    private Datapath(int flags, int connections, int rate) {
        object = BpfObject.open("pilus.bpf.o", elf())
                .readOnlyData(config(flags, rate))
                .maxEntries("ct_current_v1", connections)
                .load();
        ring = new RingBuffer(object.map("events_v1"), events::add);
    }

    /** Of another world, with nobody in it yet, and without limits to what a pod may open. */
    static Datapath of(World world) {
        var datapath = new Datapath(world.tunnelled ? 0 : 1, 65536, 0);
        world.install(datapath);
        return datapath;
    }

    static byte[] elf() {
        try (InputStream in = Datapath.class.getResourceAsStream("/pilus/bpf/pilus.bpf.o")) {
            return Objects.requireNonNull(in, "pilus.bpf.o is not built").readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    BpfObject object() {
        return object;
    }

    /** Whose interface the packets come from. */
    void sender(String pod) {
        boolean a = pod.equals("a");
        ByteBuffer endpoint = struct(60)
                .put(Frame.address16(a ? "10.0.0.2" : "10.0.0.3"))
                .put(Frame.address16(a ? "fd00::2" : "fd00::3"))
                .putInt(a ? 1 : 2)
                .putInt(a ? A : B)
                .putInt(a ? 1 : 2)
                .put(Frame.mac6(a ? MAC_A : MAC_B))
                .put(Frame.mac6(GATEWAY))
                .putInt(1450);
        map("endpoints_v1").update(int4(LOOPBACK), endpoint.array());
    }

    void slotOfSender(int slot) {
        byte[] endpoint = map("endpoints_v1").lookup(int4(LOOPBACK)).orElseThrow();
        ByteBuffer.wrap(endpoint).order(nativeOrder()).putInt(40, slot);
        map("endpoints_v1").update(int4(LOOPBACK), endpoint);
    }

    private void pod(String address, int identity, int number, String mac) {
        ByteBuffer value = struct(40)
                .position(16)
                .putInt(identity)
                .putInt(LOOPBACK)
                .putInt(number)
                .putInt(number)
                .put(Frame.mac6(mac))
                .putShort((short) LOCAL);
        map("destinations_v1").update(Frame.address16(address), value.array());
    }

    /** A pod of another node. */
    void remotePod(String address, int identity, String node) {
        destination(address, identity, REMOTE, node);
    }

    /**
     * @param flags 2 a remote pod, 4 another node, 8 this node
     */
    void destination(String address, int identity, int flags, String node) {
        ByteBuffer value = struct(40)
                .put(Frame.address16(node))
                .putInt(identity)
                .position(38)
                .putShort((short) flags);
        map("destinations_v1").update(Frame.address16(address), value.array());
    }

    /**
     * @param flags 1 pool, 2 block, 4 of this node
     */
    void range(String address, int length, int flags, String node) {
        ByteBuffer key = struct(20).putInt(length).put(Frame.address16(address));
        ByteBuffer value = struct(24).put(Frame.address16(node)).position(22).putShort((short) flags);
        map("ranges_v1").update(key.array(), value.array());
    }

    /** The node knows the identity; without this it is unresolved. */
    void known(int identity) {
        peerClass(0, identity, 1);
    }

    void table(int table, int ingress, int egress) {
        table(table, ingress, egress, 0, 0);
    }

    /** Rule numbers: 1000 + table by default for ingress, 2000 + table for egress. */
    void table(int table, int ingress, int egress, int flags, int portLengths) {
        ByteBuffer value = struct(24)
                .putInt(flags)
                .putInt(portLengths)
                .putLong(cell(0xffff, ingress, 1000 + table))
                .putLong(cell(0xffff, egress, 2000 + table));
        map("tables_v1").update(int4(table), value.array());
    }

    void peerClass(int table, int identity, int peerClass) {
        map("peer_classes_v1").update(struct(8).putInt(table).putInt(identity).array(), int4(peerClass));
    }

    void portClass(int table, int protocol, int port, int length, int portClass) {
        map("port_classes_v1")
                .update(
                        struct(8)
                                .putInt(table)
                                .putShort((short) port)
                                .put((byte) protocol)
                                .put((byte) length)
                                .array(),
                        int4(portClass));
    }

    void addressClass(int table, String address, int length, int addressClass) {
        map("address_classes_v1")
                .update(
                        struct(24)
                                .putInt(32 + length)
                                .putInt(table)
                                .put(Frame.address16(address))
                                .array(),
                        int4(addressClass));
    }

    /**
     * @param half 0 peers, 1 managed addresses, 2 unmanaged addresses
     */
    void cell(int table, int peer, int port, int direction, int half, int rank, int action, int rule) {
        ByteBuffer key = struct(12)
                .putInt(table)
                .putShort((short) peer)
                .putShort((short) port)
                .put((byte) direction)
                .put((byte) half);
        map("cells_v1")
                .update(key.array(), struct(8).putLong(cell(rank, action, rule)).array());
    }

    static long cell(int rank, int action, int rule) {
        return (long) rank << 48 | (long) action << 44 | rule;
    }

    /** Points a subject at a table, under a new generation. */
    void slot(int slot, int table) {
        map("slots_v1")
                .update(
                        int4(slot),
                        struct(8).putLong((long) generation++ << 32 | table).array());
    }

    TestRun run(String program, byte[] frame) {
        return run(program, frame, 1);
    }

    /** Many times the same packet, in the kernel. */
    TestRun run(String program, byte[] frame, int repeat) {
        return object.program(program).testRun(frame, LOOPBACK, repeat);
    }

    int fromPod(Frame frame) {
        return run("from_pod", frame.bytes()).result();
    }

    /** Packets so far with this verdict, of whichever endpoint and rule. */
    long count(int verdict) {
        return counters().stream()
                .filter(counter -> counter.verdict() == verdict)
                .mapToLong(Counter::packets)
                .sum();
    }

    /** The rule that the last counted packets of a verdict named. */
    List<Counter> counters() {
        List<Counter> all = new ArrayList<>();
        for (BpfMap.Entry entry : map("verdicts_v1").entries()) {
            ByteBuffer key = ByteBuffer.wrap(entry.key()).order(nativeOrder());
            all.add(new Counter(key.getInt(0), key.getInt(4), key.get(8), key.get(9), packets(entry)));
        }
        for (BpfMap.Entry entry : map("verdicts_rest_v1").entries()) {
            int index = ByteBuffer.wrap(entry.key()).order(nativeOrder()).getInt();
            if (packets(entry) > 0) {
                all.add(new Counter(0, 0, index >> 2, index & 3, packets(entry)));
            }
        }
        return all;
    }

    private static long packets(BpfMap.Entry perCpu) {
        ByteBuffer values = ByteBuffer.wrap(perCpu.value()).order(nativeOrder());
        long packets = 0;
        for (int at = 0; at < perCpu.value().length; at += 16) {
            packets += values.getLong(at);
        }
        return packets;
    }

    record Counter(int endpoint, int rule, int verdict, int direction, long packets) {}

    /** What the ring buffer holds, oldest first. */
    List<Event> events() {
        ring.poll(0);
        List<Event> read = events.stream()
                .map(bytes -> {
                    ByteBuffer event = ByteBuffer.wrap(bytes).order(nativeOrder());
                    return new Event(
                            event.getShort(40) & 0xffff,
                            event.getShort(42) & 0xffff,
                            event.get(45),
                            event.get(46),
                            event.getInt(48),
                            event.getInt(52),
                            event.getInt(56),
                            event.getInt(60));
                })
                .toList();
        events.clear();
        return read;
    }

    record Event(int sourcePort, int port, int verdict, int direction, int endpoint, int peer, int rule, int packets) {}

    /** How many connections went to the overflow table; 0: the table was full, 1: over budget. */
    long overflowed(int why) {
        return ByteBuffer.wrap(map("ct_overflowed_v2").lookup(int4(why)).orElseThrow())
                .order(nativeOrder())
                .getLong();
    }

    /** The number of connections in the table. */
    int connections() {
        return map("ct_current_v1").keys().size();
    }

    /** Makes every connection look as if its last packet was so many seconds ago. */
    void age(int seconds) {
        for (BpfMap.Entry entry : map("ct_current_v1").entries()) {
            ByteBuffer value = ByteBuffer.wrap(entry.value()).order(nativeOrder());
            value.putInt(24, value.getInt(24) - seconds);
            map("ct_current_v1").update(entry.key(), entry.value());
        }
    }

    BpfMap map(String name) {
        return object.map(name);
    }

    @Override
    public void close() {
        ring.close();
        object.close();
    }

    private static byte[] config(int flags, int rate) {
        return struct(84)
                .putInt(LOOPBACK)
                .putInt(LOOPBACK)
                .putInt(LOOPBACK)
                .putInt(flags)
                .put(Frame.mac6("02:00:00:00:00:aa"))
                .put(Frame.mac6("02:00:00:00:00:f1"))
                .putInt(1450)
                .putInt(1500)
                .put(Frame.address16("192.168.0.1"))
                .put(Frame.address16("fd99::1"))
                .putShort((short) 8472)
                .putShort((short) 0)
                .putInt(rate)
                .putInt(1000)
                .putInt(rate == 0 ? 0 : CONNECTION_SHARE)
                .array();
    }

    static ByteBuffer struct(int size) {
        return ByteBuffer.allocate(size).order(nativeOrder());
    }

    static byte[] int4(int value) {
        return struct(4).putInt(value).array();
    }
}

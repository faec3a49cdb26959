package io.pilus.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.pilus.libbpf.BpfProgram.TestRun;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Packets to pods of another node, as they leave this one (RFC 7348). */
class VxlanIT {

    private static final int ETHERNET = 14;
    private static final int OUTER = 20 + 8 + 8 + ETHERNET;

    private Datapath datapath;

    @BeforeEach
    void aPodOnAnotherNode() {
        datapath = withPodsOnAnotherNode();
    }

    @AfterEach
    void close() {
        datapath.close();
    }

    @Test
    void anIpv4PacketTravelsInsideWithTheSendersIdentity() {
        assertTravels(new Frame().from("10.0.0.2").to("10.0.9.9").udp(5000, 53).bytes());
    }

    @Test
    void anIpv6PacketTravelsInsideAnIpv4One() {
        assertTravels(new Frame()
                .from("fd00::2")
                .to("fd00::9")
                .tcp(5000, 53, Frame.SYN)
                .bytes());
    }

    @Test
    void congestionIsMarkedOutsideAsItIsInside() {
        byte[] four = new Frame().from("10.0.0.2").to("10.0.9.9").udp(5000, 53).bytes();
        byte[] six = new Frame().from("fd00::2").to("fd00::9").udp(5000, 53).bytes();
        four[15] = (byte) 0xff; // DSCP stays inside
        six[14] = 0x6f;
        six[15] = (byte) 0xe0;

        assertThat(datapath.run("from_pod", four).packet()[15]).isEqualTo((byte) 3);
        assertThat(datapath.run("from_pod", six).packet()[15]).isEqualTo((byte) 2);
    }

    @Test
    void underneathIpv6TheKernelsDeviceEncapsulates() {
        byte[] frame = new Frame().from("10.0.0.2").to("10.0.9.8").udp(5000, 53).bytes();

        TestRun run = datapath.run("from_pod", frame);

        assertThat(run.result()).isEqualTo(Datapath.REDIRECT);
        assertThat(run.packet()).hasSameSizeAs(frame);
    }

    @Test
    void aPacketOfAPodIsTakenOutAndDelivered() {
        Frame four = new Frame().from("10.0.9.9").to("10.0.0.2").udp(5000, 53);
        Frame six = new Frame().from("fd00::9").to("fd00::2").tcp(5000, 53, Frame.SYN);

        for (Frame inner : List.of(four, six)) {
            TestRun run = datapath.run("from_netdev", Frame.vxlan(inner.bytes(), 400, "192.168.0.2"));

            assertThat(run.result()).isEqualTo(Datapath.REDIRECT);
            assertThat(Arrays.copyOfRange(run.packet(), 12, run.packet().length))
                    .as("EtherType and packet")
                    .isEqualTo(Arrays.copyOfRange(inner.bytes(), 12, inner.bytes().length));
        }
    }

    @Test
    void whoIsNoNodeIsNotBelieved() {
        byte[] inner = new Frame().from("10.0.9.9").to("10.0.0.2").udp(5000, 53).bytes();

        assertThat(datapath.run("from_netdev", Frame.vxlan(inner, 400, "192.168.0.77"))
                        .result())
                .isEqualTo(Datapath.SHOT);
        assertThat(datapath.run("from_netdev", Frame.vxlan(inner, 400, "192.168.0.1"))
                        .result())
                .as("this node's own address")
                .isEqualTo(Datapath.SHOT);
        assertThat(datapath.count(Verdicts.DROP_TUNNEL_NODE)).isEqualTo(2);
    }

    @Test
    void whatIsNotPlainGoesToTheKernelsDeviceAsItIs() {
        byte[] inner = new Frame().from("10.0.9.9").to("10.0.0.2").udp(5000, 53).bytes();
        Map<String, Consumer<byte[]>> changes = Map.of(
                "a header checksum that is wrong", frame -> frame[24] ^= 1,
                "a UDP checksum to verify", frame -> frame[40] = 1,
                "a flag that is reserved", frame -> frame[43] = 1,
                "no VNI", frame -> frame[42] = 0,
                "a length that is wrong", frame -> frame[39]++,
                "neither IPv4 nor IPv6 inside", frame -> frame[OUTER + 13] = 6,
                "another port", frame -> frame[37]++,
                "options in the outer header", frame -> frame[14]++);
        changes.forEach((what, change) -> {
            byte[] frame = Frame.vxlan(inner, 400, "192.168.0.2");
            change.accept(frame);
            try (Datapath fresh = withPodsOnAnotherNode()) {
                TestRun run = fresh.run("from_netdev", frame);

                assertThat(run.result()).as(what).isEqualTo(Datapath.UNSPEC);
                assertThat(run.packet()).as(what).isEqualTo(frame);
            }
        });
    }

    @Test
    void aPacketThatEveryRouterMarkedAsCongestedGoesToTheKernelsDevice() {
        byte[] frame = Frame.vxlan(
                new Frame().from("10.0.9.9").to("10.0.0.2").udp(5000, 53).bytes(), 400, "192.168.0.2", 3);

        assertThat(datapath.run("from_netdev", frame).result()).isEqualTo(Datapath.UNSPEC);
    }

    @Test
    void packetsBehindOneThatGoesToTheKernelsDeviceFollowItForAWhile() {
        byte[] plain = Frame.vxlan(
                new Frame().from("10.0.9.9").to("10.0.0.2").udp(5000, 53).bytes(), 400, "192.168.0.2");
        byte[] odd = plain.clone();
        odd[40] = 1;
        assertThat(datapath.run("from_netdev", plain).result()).isEqualTo(Datapath.REDIRECT);

        // the while is short, and each CPU has its own: this thread may be late, or on another
        await().pollInterval(Duration.ofMillis(1)).until(() -> {
            datapath.run("from_netdev", odd);
            return datapath.run("from_netdev", plain).result() == Datapath.UNSPEC;
        });

        await().until(() -> datapath.run("from_netdev", plain).result() == Datapath.REDIRECT);
    }

    @Test
    void withNativeRoutingNothingIsTakenOut() {
        try (var natively = new Datapath(1)) {
            byte[] inner =
                    new Frame().from("10.0.9.9").to("10.0.0.2").udp(5000, 53).bytes();

            assertThat(natively.run("from_netdev", Frame.vxlan(inner, 400, "192.168.0.2"))
                            .result())
                    .isEqualTo(Datapath.UNSPEC);
        }
    }

    private static Datapath withPodsOnAnotherNode() {
        var made = new Datapath();
        made.remotePod("10.0.9.9", 400, "192.168.0.2");
        made.remotePod("fd00::9", 400, "192.168.0.2");
        made.remotePod("10.0.9.8", 400, "fd99::2");
        made.known(400);
        return made;
    }

    private void assertTravels(byte[] frame) {
        TestRun run = datapath.run("from_pod", frame);

        assertThat(run.result()).isEqualTo(Datapath.REDIRECT);
        assertThat(run.packet()).hasSize(frame.length + OUTER);
        ByteBuffer packet = ByteBuffer.wrap(run.packet());
        assertThat(packet.getShort(12)).as("EtherType").isEqualTo((short) 0x0800);
        assertThat(packet.get(14)).as("version and length").isEqualTo((byte) 0x45);
        assertThat(packet.getShort(16)).as("total length").isEqualTo((short) (run.packet().length - ETHERNET));
        assertThat(packet.getShort(20)).as("do not fragment").isEqualTo((short) 0x4000);
        assertThat(packet.get(23)).as("protocol").isEqualTo((byte) Frame.UDP);
        assertThat(sum(run.packet(), 14, 20)).as("header checksum").isEqualTo(0xffff);
        assertThat(Arrays.copyOfRange(run.packet(), 26, 34))
                .as("from node to node")
                .containsExactly(192, 168, 0, 1, 192, 168, 0, 2);
        assertThat(packet.getShort(34) & 0xffff).as("source port").isBetween(49152, 65535);
        assertThat(packet.getShort(36)).as("port").isEqualTo((short) 8472);
        assertThat(packet.getShort(38)).as("UDP length").isEqualTo((short) (run.packet().length - 34));
        assertThat(packet.getShort(40)).as("no UDP checksum").isZero();
        assertThat(packet.getInt(42)).as("VXLAN flags").isEqualTo(0x08000000);
        assertThat(packet.getInt(46)).as("VNI").isEqualTo(Datapath.A << 8);
        assertThat(Arrays.copyOfRange(run.packet(), OUTER + 6, OUTER + 12))
                .as("from the tunnel device")
                .containsExactly(2, 0, 0, 0, 0, 0xf1);
        assertThat(Arrays.copyOfRange(run.packet(), OUTER + 12, run.packet().length))
                .as("EtherType and packet")
                .isEqualTo(Arrays.copyOfRange(frame, 12, frame.length));
    }

    private static int sum(byte[] bytes, int from, int length) {
        int sum = 0;
        for (int i = from; i < from + length; i += 2) {
            sum += ((bytes[i] & 0xff) << 8) | (bytes[i + 1] & 0xff);
        }
        return (sum & 0xffff) + (sum >> 16);
    }
}

package io.pilus.bpf;

import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.libbpf.BpfProgram.TestRun;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Packets to pods of another node, as they leave this one (RFC 7348). */
class VxlanIT {

    private static final int ETHERNET = 14;
    private static final int OUTER = ETHERNET + 20 + 8 + 8;

    private Datapath datapath;

    @BeforeEach
    void aPodOnAnotherNode() {
        datapath = new Datapath();
        datapath.remotePod("10.0.9.9", 400, "192.168.0.2");
        datapath.remotePod("fd00::9", 400, "192.168.0.2");
        datapath.remotePod("10.0.9.8", 400, "fd99::2");
        datapath.known(400);
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

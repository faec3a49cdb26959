package io.pilus.bpf;

import static io.pilus.bpf.Datapath.REDIRECT;
import static io.pilus.bpf.Datapath.SHOT;
import static io.pilus.bpf.Datapath.UNSPEC;
import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.libbpf.BpfProgram.TestRun;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who is believed, and what a pod may say at all. */
class SenderIT {

    private Datapath datapath;

    @BeforeEach
    void load() {
        datapath = new Datapath();
    }

    @AfterEach
    void unload() {
        datapath.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"10.0.0.3", "192.168.0.1", "8.8.8.8", "fd00::3", "fe80::2", "::"})
    void aPodSpeaksOnlyAsItself(String source) {
        var frame = new Frame().from(source).to(source.contains(":") ? "fd00::3" : "10.0.0.3");

        assertThat(datapath.fromPod(frame)).isEqualTo(SHOT);
        assertThat(datapath.count(Verdicts.DROP_SPOOFED_SOURCE)).isEqualTo(1);
    }

    @Test
    void aPodUsesItsOwnLinkAddress() {
        assertThat(datapath.fromPod(new Frame().mac("02:00:00:00:00:99"))).isEqualTo(SHOT);
        assertThat(datapath.count(Verdicts.DROP_SPOOFED_MAC)).isEqualTo(1);
    }

    @Test
    void aMappedAddressInsideIpv6IsDroppedEverywhere() {
        byte[] frame = new Frame().from("::ffff:10.0.0.2").to("fd00::3").bytes();

        for (String program : new String[] {"from_pod", "from_host", "from_netdev"}) {
            assertThat(datapath.run(program, frame).result()).as(program).isEqualTo(SHOT);
        }
        assertThat(datapath.count(Verdicts.DROP_MAPPED_ADDRESS)).isEqualTo(3);
    }

    @ParameterizedTest
    @ValueSource(strings = {"224.0.0.1", "255.255.255.255", "127.0.0.1", "169.254.1.1", "ff02::1", "fe80::1", "::1"})
    void nothingGoesToLinkLocalOrGroupAddresses(String destination) {
        var frame = new Frame()
                .from(destination.contains(":") ? "fd00::2" : "10.0.0.2")
                .to(destination);

        assertThat(datapath.fromPod(frame)).isEqualTo(SHOT);
        assertThat(datapath.count(Verdicts.DROP_LINK_LOCAL)).isEqualTo(1);
    }

    @Test
    void aPodDoesNotSpeakToATunnelPort() {
        assertThat(datapath.fromPod(new Frame().to("192.168.0.2").udp(40000, 8472)))
                .isEqualTo(SHOT);
        assertThat(datapath.fromPod(new Frame().to("192.168.0.1").udp(40000, 8472)))
                .isEqualTo(SHOT);
        assertThat(datapath.fromPod(new Frame().to("192.168.0.2").udp(40000, 8473)))
                .isEqualTo(REDIRECT);
        assertThat(datapath.count(Verdicts.DROP_TUNNEL_PORT)).isEqualTo(2);
    }

    @Test
    void everyHeaderCutShortAtEveryByteIsDropped() {
        for (Frame whole : new Frame[] {
            new Frame(),
            new Frame().udp(1, 2),
            new Frame().icmp(8, 0, 1),
            new Frame().from("fd00::2").to("fd00::3"),
            new Frame().from("fd00::2").to("fd00::3").udp(1, 2),
            new Frame().from("fd00::2").to("fd00::3").icmp(128, 0, 1),
            new Frame().icmpError(3, 1, new Frame())
        }) {
            byte[] frame = whole.bytes();
            // the kernel refuses to run a shorter one
            int ip = frame[12] == 8 ? 20 : 40;
            for (int length = 14 + ip; length < frame.length; length++) {
                assertThat(datapath.run("from_pod", Arrays.copyOf(frame, length))
                                .result())
                        .as("%d of %d bytes", length, frame.length)
                        .isEqualTo(SHOT);
            }
        }
        assertThat(datapath.count(Verdicts.DROP_TRUNCATED)).isGreaterThan(80);
    }

    @Test
    void aFragmentFollowsItsFirst() {
        int orphan = datapath.fromPod(new Frame().udp(40000, 53).fragment(3, false));
        int first = datapath.fromPod(new Frame().udp(40000, 53).payload(8).fragment(0, true));
        int later = datapath.fromPod(new Frame().udp(9, 9).fragment(3, false));

        assertThat(orphan).isEqualTo(SHOT);
        assertThat(first).isEqualTo(REDIRECT);
        assertThat(later).isEqualTo(REDIRECT);
        assertThat(datapath.count(Verdicts.DROP_FRAGMENT_UNKNOWN)).isEqualTo(1);
        assertThat(datapath.connections()).isEqualTo(1);
    }

    @Test
    void aFragmentOfIpv6FollowsItsFirst() {
        var pods = new Frame[] {
            new Frame().from("fd00::2").to("fd00::3").udp(40000, 53).payload(8).fragment(0, true),
            new Frame().from("fd00::2").to("fd00::3").udp(9, 9).fragment(3, false)
        };

        assertThat(datapath.fromPod(pods[1])).isEqualTo(SHOT);
        assertThat(datapath.fromPod(pods[0])).isEqualTo(REDIRECT);
        assertThat(datapath.fromPod(pods[1])).isEqualTo(REDIRECT);
    }

    @Test
    void fragmentsThatSplitTheTransportHeaderAreDropped() {
        byte[] tiny = new Frame().fragment(0, true).bytes();
        byte[] cut = Arrays.copyOf(tiny, 14 + 20 + 8);
        cut[17] = 28;

        assertThat(datapath.run("from_pod", cut).result()).isEqualTo(SHOT);
        assertThat(datapath.fromPod(new Frame().fragment(1, false))).isEqualTo(SHOT);
        assertThat(datapath.count(Verdicts.DROP_FRAGMENT_TINY)).isEqualTo(2);
    }

    @Test
    void arpForTheGatewayIsAnswered() {
        TestRun run = datapath.run("from_pod", Frame.arpRequest(Datapath.MAC_A, "10.0.0.2", "169.254.1.1"));

        assertThat(run.result()).isEqualTo(REDIRECT);
        assertThat(Arrays.copyOfRange(run.packet(), 0, 6)).isEqualTo(Frame.mac6(Datapath.MAC_A));
        assertThat(Arrays.copyOfRange(run.packet(), 20, 32))
                .isEqualTo(Frame.concat(
                        Frame.hex("0002"), Frame.concat(Frame.mac6(Datapath.GATEWAY), Frame.address("169.254.1.1"))));
    }

    @Test
    void arpForAnybodyElseIsNot() {
        assertThat(datapath.run("from_pod", Frame.arpRequest(Datapath.MAC_A, "10.0.0.2", "10.0.0.3"))
                        .result())
                .isEqualTo(SHOT);
        assertThat(datapath.run("from_pod", Frame.arpRequest(Datapath.MAC_A, "10.0.0.9", "169.254.1.1"))
                        .result())
                .isEqualTo(SHOT);
    }

    @Test
    void aSolicitationForTheGatewayIsAnsweredWithARightChecksum() {
        TestRun run = datapath.run("from_pod", Frame.solicitation(Datapath.MAC_A, "fd00::2", "fe80::1"));

        assertThat(run.result()).isEqualTo(REDIRECT);
        assertThat(run.packet()[54]).as("an advertisement").isEqualTo((byte) 136);
        assertThat(Arrays.copyOfRange(run.packet(), 38, 54)).isEqualTo(Frame.address16("fd00::2"));
        assertThat(icmpv6Sum(run.packet())).isEqualTo(0xffff);
        assertThat(datapath.run("from_pod", Frame.solicitation(Datapath.MAC_A, "fd00::2", "fd00::3"))
                        .result())
                .isEqualTo(SHOT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"8.8.8.8", "2001:db8::1"})
    void aPacketTooLargeForThePathIsAnsweredByIcmp(String world) {
        var frame = new Frame()
                .from(world.contains(":") ? "fd00::2" : "10.0.0.2")
                .to(world)
                .udp(40000, 53)
                .payload(1500);

        TestRun run = datapath.run("from_pod", frame.bytes());

        assertThat(run.result()).isEqualTo(REDIRECT);
        assertThat(datapath.count(Verdicts.DROP_TOO_BIG)).isEqualTo(1);
        byte[] answer = run.packet();
        if (world.contains(":")) {
            assertThat(answer[54]).isEqualTo((byte) 2);
            assertThat(((answer[60] & 0xff) << 8) | (answer[61] & 0xff)).isEqualTo(1500);
            assertThat(icmpv6Sum(answer)).isEqualTo(0xffff);
        } else {
            assertThat(answer[34]).isEqualTo((byte) 3);
            assertThat(answer[35]).isEqualTo((byte) 4);
            assertThat(((answer[40] & 0xff) << 8) | (answer[41] & 0xff)).isEqualTo(1500);
            assertThat(sum(answer, 14, 34, 0)).as("IPv4 header").isEqualTo(0xffff);
            assertThat(sum(answer, 34, answer.length, 0)).as("ICMP").isEqualTo(0xffff);
        }
    }

    @Test
    void theTunnelTakesLessThanTheWire() {
        datapath.remotePod("10.0.9.2", 400, "192.168.0.2");
        datapath.known(400);

        assertThat(datapath.fromPod(new Frame().to("10.0.9.2").udp(40000, 53).payload(1450 - 36)))
                .isEqualTo(REDIRECT);
        assertThat(datapath.count(Verdicts.DROP_TOO_BIG)).isZero();
        datapath.fromPod(new Frame().to("10.0.9.2").udp(40000, 53).payload(1451 - 36));
        assertThat(datapath.count(Verdicts.DROP_TOO_BIG)).isEqualTo(1);
    }

    @Test
    void anAddressInsideAPoolThatNobodyHoldsIsNotTheWorld() {
        assertThat(datapath.fromPod(new Frame().to("10.9.9.9"))).isEqualTo(SHOT);
        assertThat(datapath.count(Verdicts.DROP_NO_ENDPOINT)).isEqualTo(1);
    }

    @Test
    void aBlockOfAnotherNodeIsReachedBeforeItsPodsAreKnown() {
        datapath.range("10.9.0.0", 96 + 16, 3, "192.168.0.2");

        assertThat(datapath.fromPod(new Frame().to("10.9.9.9"))).isEqualTo(REDIRECT);
    }

    @Test
    void fromTheNetworkNobodySpeaksAsThisNodeOrItsPods() {
        for (String source : new String[] {"192.168.0.1", "10.0.0.2"}) {
            assertThat(datapath.run("from_netdev", new Frame().from(source).bytes())
                            .result())
                    .isEqualTo(SHOT);
        }
        assertThat(datapath.count(Verdicts.DROP_NODE_SOURCE)).isEqualTo(2);
    }

    @Test
    void whatIsForTheNodeItselfPassesUntouched() {
        assertThat(datapath.run(
                                "from_netdev",
                                new Frame().from("8.8.8.8").to("192.168.0.1").bytes())
                        .result())
                .isEqualTo(UNSPEC);
        assertThat(datapath.run(
                                "from_netdev",
                                new Frame().from("8.8.8.8").to("8.8.4.4").bytes())
                        .result())
                .isEqualTo(UNSPEC);
    }

    @Test
    void aPodsAddressComesNativelyOnlyWhereThatIsHowItTravels() {
        datapath.remotePod("10.0.9.2", 400, "192.168.0.2");
        datapath.known(400);
        byte[] frame = new Frame().from("10.0.9.2").bytes();

        int tunnelled = datapath.run("from_netdev", frame).result();
        datapath.close();
        datapath = new Datapath(1);
        datapath.remotePod("10.0.9.2", 400, "192.168.0.2");
        datapath.known(400);
        int natively = datapath.run("from_netdev", frame).result();

        assertThat(tunnelled).isEqualTo(SHOT);
        assertThat(natively).isEqualTo(REDIRECT);
    }

    @Test
    void withoutATunnelKeyNothingComesFromTheTunnel() {
        assertThat(datapath.run("from_overlay", new Frame().from("10.0.9.2").bytes())
                        .result())
                .isEqualTo(SHOT);
        assertThat(datapath.count(Verdicts.DROP_TUNNEL_NODE)).isEqualTo(1);
    }

    private static int icmpv6Sum(byte[] frame) {
        int length = frame.length - 54;
        return sum(frame, 22, frame.length, length + Frame.ICMPV6);
    }

    /** One's complement sum; 0xffff when the checksum among the bytes is right. */
    private static int sum(byte[] bytes, int from, int to, int start) {
        int sum = start;
        for (int i = from; i < to; i += 2) {
            sum += (bytes[i] & 0xff) << 8 | (i + 1 < to ? bytes[i + 1] & 0xff : 0);
        }
        while (sum >> 16 != 0) {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        return sum;
    }
}

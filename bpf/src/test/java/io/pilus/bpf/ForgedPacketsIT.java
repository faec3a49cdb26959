package io.pilus.bpf;

import static io.pilus.bpf.Datapath.ALLOW;
import static io.pilus.bpf.Datapath.DEFAULT_ALLOW;
import static io.pilus.bpf.Datapath.DEFAULT_DENY;
import static io.pilus.bpf.Datapath.EGRESS;
import static io.pilus.bpf.Datapath.INGRESS;
import static io.pilus.bpf.Datapath.REDIRECT;
import static io.pilus.bpf.Datapath.SHOT;
import static io.pilus.bpf.Datapath.UNSPEC;
import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.bpf.PacketModel.Hook;
import io.pilus.libbpf.PacketRunner;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Packets that lie about who sent them, and those that hide what they are. */
class ForgedPacketsIT {

    private static final int KNOWN = 400;
    private static final String NODE = "192.168.0.2";

    private Datapath datapath;
    private long forged;

    @BeforeEach
    void load() {
        datapath = new Datapath();
        datapath.remotePod("10.0.9.9", KNOWN, NODE);
        datapath.remotePod("fd00::9", KNOWN, NODE);
        datapath.known(KNOWN);
    }

    @AfterEach
    void unload() {
        datapath.close();
    }

    @Test
    void nobodyIsBelievedWithAnAddressThatIsNotItsOwn() {
        for (String source : new String[] {"10.0.0.3", "10.0.9.9", "192.168.0.1", NODE, "8.8.8.8", "127.0.0.1"}) {
            for (Frame frame : transports(source, "10.0.0.3")) {
                assertDropped("from_pod", frame.bytes(), Verdicts.DROP_SPOOFED_SOURCE);
            }
        }
        for (String source : new String[] {"fd00::3", "fd00::9", "fd99::1", "2001:db8::1", "fe80::2", "::1", "::"}) {
            for (Frame frame : transports(source, "fd00::3")) {
                assertDropped("from_pod", frame.bytes(), Verdicts.DROP_SPOOFED_SOURCE);
            }
        }
        for (String mac : new String[] {Datapath.MAC_B, Datapath.GATEWAY, "ff:ff:ff:ff:ff:ff"}) {
            assertDropped("from_pod", new Frame().mac(mac).bytes(), Verdicts.DROP_SPOOFED_MAC);
        }
        assertDropped(
                "from_pod", Frame.arpRequest(Datapath.MAC_A, "10.0.0.3", "169.254.1.1"), Verdicts.DROP_SPOOFED_SOURCE);

        assertOwnTrafficGoesOn();
        row(
                "a source that is not its own",
                "a pod sends TCP, UDP and ICMP with 13 IPv4 and IPv6 addresses of others, with 3 link addresses, and"
                        + " an ARP request",
                "from_pod compares source, link address and ARP sender with its endpoint: each comparison taken out, the first packet of its kind was redirected");
    }

    @Test
    void aPodMakesNoVxlan() {
        datapath.destination("fd99::2", 6, 4, "fd99::2");
        for (int vni : new int[] {1, 7, Datapath.B, KNOWN}) {
            byte[] inner = new Frame().from("10.0.9.9").to("10.0.0.3").bytes();
            for (String node : new String[] {"192.168.0.1", NODE, "fd99::2"}) {
                String own = node.contains(":") ? "fd00::2" : "10.0.0.2";
                Frame datagram = new Frame().from(own).to(node).udp(50000, 8472).append(vxlanHeader(vni), inner);
                assertDropped("from_pod", datagram.bytes(), Verdicts.DROP_TUNNEL_PORT);
                assertDropped("from_pod", datagram.fragment(0, true).bytes(), Verdicts.DROP_TUNNEL_PORT);
                assertDropped("from_pod", datagram.fragment(4, false).bytes(), Verdicts.DROP_TUNNEL_PORT);
            }
        }

        assertOwnTrafficGoesOn();
        row(
                "VXLAN made by a pod",
                "datagrams to the tunnel port of this and two other nodes, whole and in fragments, with VNI 1, 7,"
                        + " a neighbour's and a remote pod's",
                "from_pod knows the tunnel port of every node: asked of this node alone, the datagram to another one was redirected");
    }

    @Test
    void aNodeSaysOnlyWhatANodeMaySay() {
        byte[] pod = new Frame().from("10.0.9.9").bytes();
        for (int vni : new int[] {0, 1, 3, 4, 5, 6, 7, 8, 255}) {
            assertDropped("from_netdev", Frame.vxlan(pod, vni, NODE), Verdicts.DROP_TUNNEL_IDENTITY);
            assertDropped(
                    "from_netdev",
                    Frame.vxlan(new Frame().from("10.0.9.77").bytes(), vni, NODE),
                    Verdicts.DROP_TUNNEL_IDENTITY);
        }
        // whose pod it is says the map, whatever the packet says
        datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.peerClass(2, Datapath.A, 2);
        datapath.cell(2, 2, 0, INGRESS, 0, 100, ALLOW, 7);
        datapath.slot(2, 2);
        assertDropped("from_netdev", Frame.vxlan(pod, Datapath.A, NODE), Verdicts.DROP_POLICY);

        row(
                "a VNI that a node may not send",
                "VXLAN from a known node with the reserved VNIs, and a known pod's packet with the number of a"
                        + " pod that policy allows",
                "overlay_sender: with the check of reserved numbers out, VNI 0 passed; with the VNI believed for a known pod, the neighbour's number opened its policy");
    }

    @Test
    void aNodeSpeaksForNoOtherNodeAndNotForThisOne() {
        for (String source : new String[] {"10.0.0.2", "192.168.0.1", "192.168.0.3"}) {
            for (int vni : new int[] {2, 6, KNOWN}) {
                assertDropped(
                        "from_netdev",
                        Frame.vxlan(new Frame().from(source).bytes(), vni, NODE),
                        Verdicts.DROP_TUNNEL_SOURCE);
            }
        }
        assertDropped(
                "from_netdev",
                Frame.vxlan(new Frame().from("8.8.8.8").bytes(), KNOWN, NODE),
                Verdicts.DROP_TUNNEL_SOURCE);

        row(
                "an inner source that a node may not use",
                "VXLAN from a known node, with the address of this node, its pod, a third node, and of the"
                        + " world under a pod's number",
                "overlay_sender: with either check of whose address it is out, the first such packet was delivered");
    }

    @Test
    void fromNoKnownNodeNothingIsTaken() {
        byte[] inner = new Frame().from("10.0.9.9").bytes();
        for (String outer : new String[] {"192.168.0.77", "8.8.8.8", "10.0.9.9", "10.0.0.2", "192.168.0.1"}) {
            for (int vni : new int[] {2, 6, KNOWN}) {
                assertDropped("from_netdev", Frame.vxlan(inner, vni, outer), Verdicts.DROP_TUNNEL_NODE);
            }
        }

        assertThat(run("from_netdev", Frame.vxlan(inner, KNOWN, NODE))).isEqualTo(REDIRECT);
        row(
                "VXLAN from an unknown outer source",
                "from an unknown host, the world, a pod of another node, a pod of this node, and this node",
                "overlay_receive asks for a node: any known address taken for one, a pod's packet from a pod's address was delivered");
    }

    @Test
    void aMappedAddressIsNoIpv6Address() {
        for (String mapped :
                new String[] {"::ffff:10.0.0.2", "::ffff:10.0.0.3", "::ffff:192.168.0.1", "::ffff:8.8.8.8"}) {
            for (String program : new String[] {"from_pod", "from_host", "from_netdev"}) {
                assertDropped(program, new Frame().from(mapped).to("fd00::3").bytes(), Verdicts.DROP_MAPPED_ADDRESS);
                assertDropped(program, new Frame().from("fd00::2").to(mapped).bytes(), Verdicts.DROP_MAPPED_ADDRESS);
            }
            byte[] inner = new Frame().from(mapped).to("fd00::3").bytes();
            assertDropped("from_netdev", Frame.vxlan(inner, KNOWN, NODE), Verdicts.DROP_MAPPED_ADDRESS);
        }

        assertOwnTrafficGoesOn();
        row(
                "a mapped address inside IPv6",
                "as source and as destination, at every hook and inside VXLAN",
                "packet_parse_ipv6: without its check from_pod dropped the packet as spoofed, not for what it is");
    }

    @Test
    void fromOutsideNobodySpeaksAsThisNode() {
        datapath.destination("fd99::1", 1, 8, "::");
        for (String source : new String[] {"192.168.0.1", "10.0.0.2", "fd99::1", "fd00::2"}) {
            boolean six = source.contains(":");
            for (String to : six ? new String[] {"fd00::3", "fd99::1"} : new String[] {"10.0.0.3", "192.168.0.1"}) {
                assertDropped("from_netdev", new Frame().from(source).to(to).bytes(), Verdicts.DROP_NODE_SOURCE);
            }
        }
        for (String source : new String[] {"10.0.9.9", "10.0.9.77", "fd00::9"}) {
            boolean six = source.contains(":");
            for (String to : six ? new String[] {"fd00::3", "fd99::1"} : new String[] {"10.0.0.3", "192.168.0.1"}) {
                assertDropped("from_netdev", new Frame().from(source).to(to).bytes(), Verdicts.DROP_POOL_SOURCE);
            }
        }

        row(
                "the node's own or a pod's address from outside",
                "packets from the wire to a pod and to the node, with the node's, a local"
                        + " pod's, a remote pod's and an unused pod address as source",
                "from_netdev: without the check of this node's address, or of pools, the first such packet was passed on");
    }

    @Test
    void aMarkGoesNoFurtherAndOpensNothing() {
        datapath.remotePod("10.0.9.8", KNOWN, "fd99::2");
        byte[] toPod = new Frame().bytes();
        for (int mark : new int[] {1, 0xf00, -1}) {
            for (String to : new String[] {"10.0.0.3", "192.168.0.1", NODE, "10.0.9.9", "10.0.9.8", "8.8.8.8"}) {
                assertMarkIsGone("from_pod", new Frame().to(to).bytes(), mark);
            }
            assertMarkIsGone("from_host", new Frame().from("192.168.0.1").bytes(), mark);
            assertMarkIsGone("from_netdev", new Frame().from("8.8.8.8").bytes(), mark);
            assertMarkIsGone(
                    "from_netdev", Frame.vxlan(new Frame().from("10.0.9.9").bytes(), KNOWN, NODE), mark);
        }
        datapath.table(3, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.slot(2, 3);
        PacketRunner fromPod = datapath.object().program("from_pod").runner();
        for (int bit = 0; bit < 32; bit++) {
            assertThat(fromPod.mark(1 << bit).run(toPod, 1, 1)).isTrue();
            assertThat(fromPod.result()).isEqualTo(SHOT);
            forged++;
        }

        row(
                "marks",
                "packets with marks to a pod, the host, another node and the world, from every hook; each bit of the mark against a"
                        + " policy that denies",
                "forward_to_pod and its like clear the mark: without that 0x1 was still on a redirected packet");
    }

    @Test
    void fragmentsThatOverlapOpenNothing() {
        datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.portClass(2, Frame.UDP, 53, 16, 1);
        datapath.cell(2, 0, 1, INGRESS, 0, 100, ALLOW, 7);
        datapath.cell(2, 1, 1, INGRESS, 0, 100, ALLOW, 7);
        datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW, 0, 1 << 16);
        datapath.slot(2, 2);
        for (boolean six : new boolean[] {false, true}) {
            String from = six ? "fd00::2" : "10.0.0.2";
            String to = six ? "fd00::3" : "10.0.0.3";
            Frame good = new Frame().from(from).to(to).udp(40000, 53).payload(8).fragment(0, true);
            Frame over = new Frame().from(from).to(to).udp(40000, 22).payload(8).fragment(0, true);
            assertThat(datapath.fromPod(good)).isEqualTo(REDIRECT);
            assertDropped("from_pod", over.bytes(), Verdicts.DROP_POLICY);
            // those behind it are whatever came last
            assertDropped(
                    "from_pod",
                    new Frame().from(from).to(to).udp(0, 0).fragment(1, false).bytes(),
                    Verdicts.DROP_POLICY);
            // and nobody else's
            datapath.sender("b");
            assertDropped(
                    "from_pod",
                    new Frame()
                            .mac(Datapath.MAC_B)
                            .from(to)
                            .to(from)
                            .udp(0, 0)
                            .fragment(1, false)
                            .bytes(),
                    Verdicts.DROP_FRAGMENT_UNKNOWN);
            datapath.sender("a");
        }
        assertDropped("from_pod", new Frame().fragment(1, false).bytes(), Verdicts.DROP_FRAGMENT_TINY);
        for (int offset : new int[] {0, 3}) {
            Frame nested =
                    new Frame().from("fd00::2").to("fd00::3").udp(40000, 53).fragment(offset, true);
            assertDropped("from_pod", nested.insideAnotherFragment().bytes(), Verdicts.DROP_INVALID);
        }

        row(
                "overlapping fragments",
                "a second first fragment with another port, later ones behind it, another pod's, one over the TCP flags, and"
                        + " a fragment inside a fragment",
                "packet_parse: without its check a fragment inside a fragment was redirected by ports that it does not have (found by the model); without that of offset 1 only the missing first fragment stopped it");
    }

    @Test
    void aHeaderCountsOnlyAsFarAsItsPacketGoes() {
        // policy lets b ask a, not a ask b: an ACK passes as b's answer
        datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.slot(2, 2);
        for (String[] ends : new String[][] {{"10.0.0.2", "10.0.0.3"}, {"fd00::2", "fd00::3"}}) {
            boolean six = ends[0].contains(":");
            Frame frame = new Frame()
                    .from(ends[0])
                    .to(ends[1])
                    .tcp(40000, 80, Frame.ACK)
                    .fragment(0, true);
            byte[] whole = frame.bytes();
            for (int held = 0; held < 20; held++) {
                // the rest of the header is in the frame, and not in the packet
                byte[] tiny = whole.clone();
                ByteBuffer.wrap(tiny).putShort(six ? 18 : 16, (short) ((six ? 8 : 20) + held));
                assertDropped("from_pod", tiny, Verdicts.DROP_FRAGMENT_TINY);
            }
            assertThat(run("from_pod", whole)).as("the whole header").isEqualTo(REDIRECT);
        }
        PacketRunner segmented = datapath.object().program("from_pod").runner().segments(1400);
        byte[] large = new Frame()
                .tcp(40000, 80, Frame.ACK)
                .payload(2000)
                .fragment(0, true)
                .bytes();
        assertThat(segmented.run(large, 1, 1)).isTrue();
        assertThat(segmented.result())
                .as("a fragment that is still to be segmented")
                .isEqualTo(SHOT);

        row(
                "tiny fragments",
                "first fragments of IPv4 and IPv6 whose own length ends at each byte of the TCP header, with the rest behind"
                        + " it in the frame",
                "a header counts as far as its packet goes: without that a first fragment that holds none of its header passed as an answer, by flags that its receiver never sees (found by the model)");
    }

    @Test
    void noPodReportsErrorsOfOtherPeoplesConnections() {
        Frame ofA = new Frame().tcp(40000, 80, Frame.SYN);
        Frame toWorld = new Frame().to("8.8.8.8").tcp(40000, 443, Frame.SYN);
        assertThat(datapath.fromPod(ofA)).isEqualTo(REDIRECT);
        assertThat(datapath.fromPod(toWorld)).isEqualTo(REDIRECT);
        datapath.sender("b");
        for (int type : new int[] {3, 4, 5, 11, 12}) {
            Frame error = new Frame().mac(Datapath.MAC_B).from("10.0.0.3").to("10.0.0.2");
            assertDropped("from_pod", error.icmpError(type, 0, toWorld).bytes(), Verdicts.DROP_ICMP_UNRELATED);
            assertDropped(
                    "from_pod",
                    error.icmpError(type, 0, new Frame().tcp(40001, 80, Frame.SYN))
                            .bytes(),
                    Verdicts.DROP_ICMP_UNRELATED);
            assertDropped(
                    "from_netdev",
                    new Frame()
                            .from("8.8.8.8")
                            .to("10.0.0.3")
                            .icmpError(type, 0, ofA)
                            .bytes(),
                    Verdicts.DROP_ICMP_UNRELATED);
            assertThat(datapath.fromPod(error.icmpError(type, 0, ofA)))
                    .as("about its own")
                    .isEqualTo(REDIRECT);
        }

        row(
                "ICMP errors about other people's connections",
                "each type of error, from the pod at the other end, about a connection to somebody else and"
                        + " about none; from the world to a third party",
                "from_pod: only about what the sender received; ct_related: only to who sent it. Each check out, the error passed");
    }

    @Test
    void leaveToAnswerIsNoLeaveToAsk() {
        // b may ask a by ICMP; a may ask nobody
        datapath.table(1, DEFAULT_ALLOW, DEFAULT_DENY);
        datapath.slot(1, 1);
        for (int id : new int[] {0, 5, 0xffff}) {
            for (boolean six : new boolean[] {false, true}) {
                int request = six ? 128 : 8;
                String a = six ? "fd00::2" : "10.0.0.2";
                String b = six ? "fd00::3" : "10.0.0.3";
                datapath.sender("b");
                assertThat(datapath.fromPod(
                                new Frame().mac(Datapath.MAC_B).from(b).to(a).icmp(request, 0, id)))
                        .isEqualTo(REDIRECT);
                datapath.sender("a");
                assertThat(datapath.fromPod(new Frame().from(a).to(b).icmp(six ? 129 : 0, 0, id)))
                        .as("its answer")
                        .isEqualTo(REDIRECT);
                assertDropped(
                        "from_pod",
                        new Frame().from(a).to(b).icmp(request, 0, id).bytes(),
                        Verdicts.DROP_POLICY);
            }
        }
        // a type that is allowed opens no other
        datapath.table(1, DEFAULT_ALLOW, DEFAULT_DENY, 0, 1 << 16);
        datapath.portClass(1, Frame.ICMP, 13 << 8, 16, 1);
        datapath.portClass(1, Frame.ICMP, 0, 16, 1);
        datapath.cell(1, 1, 1, EGRESS, 0, 100, ALLOW, 7);
        datapath.slot(1, 1);
        assertThat(datapath.fromPod(new Frame().icmp(13, 0, 6))).isEqualTo(REDIRECT);
        assertThat(datapath.fromPod(new Frame().icmp(0, 0, 6))).isEqualTo(REDIRECT);
        for (int type : new int[] {8, 9, 15, 17, 255}) {
            assertDropped("from_pod", new Frame().icmp(type, 0, 6).bytes(), Verdicts.DROP_POLICY);
        }

        row(
                "ICMP under a connection of another type",
                "a pod that may only answer echo requests sends some with the ids it was asked with; one that"
                        + " may send one type sends others",
                "the kind is in conntrack's key, and only an answer travels against the opening: without the first another type passed, without the second a request as an answer (both found by the model)");
    }

    @Test
    void whatIsNotIpIsDroppedAndCounted() {
        byte[] arpReply = Frame.arpRequest(Datapath.MAC_A, "10.0.0.2", "169.254.1.1");
        arpReply[21] = 2;
        assertDropped("from_pod", arpReply, Verdicts.DROP_LINK_LOCAL);
        assertDropped("from_pod", Frame.arpRequest(Datapath.MAC_A, "10.0.0.2", "10.0.0.3"), Verdicts.DROP_LINK_LOCAL);
        assertDropped("from_pod", Frame.arpRequest(Datapath.MAC_A, "0.0.0.0", "10.0.0.2"), Verdicts.DROP_LINK_LOCAL);
        assertDropped("from_pod", Arrays.copyOf(arpReply, 41), Verdicts.DROP_TRUNCATED);
        assertDropped("from_pod", Frame.solicitation(Datapath.MAC_A, "fd00::2", "fd00::3"), Verdicts.DROP_LINK_LOCAL);
        for (int type : new int[] {0x8100, 0x88a8, 0x8847, 0x8863, 0x0805, 0x0007}) {
            byte[] frame = new Frame().bytes();
            ByteBuffer.wrap(frame).putShort(12, (short) type);
            assertDropped("from_pod", frame, Verdicts.DROP_NOT_IP);
            assertDropped("from_host", frame, Verdicts.DROP_NOT_IP);
            assertThat(run("from_netdev", frame)).as("the node's own").isEqualTo(UNSPEC);
        }
        // neighbour discovery from afar, with every other header right
        for (int type : new int[] {133, 134, 135, 136, 137}) {
            byte[] discovery = new Frame()
                    .from("2001:db8::1")
                    .to("fd00::3")
                    .icmp(type, 0, 0)
                    .bytes();
            assertDropped("from_netdev", discovery, Verdicts.DROP_LINK_LOCAL);
            assertDropped("from_netdev", Frame.vxlan(discovery, 2, NODE), Verdicts.DROP_LINK_LOCAL);
        }

        assertOwnTrafficGoesOn();
        row(
                "ARP, neighbour discovery and what is not IP",
                "ARP and neighbour messages that are not for the gateway, other EtherTypes at every hook,"
                        + " neighbour discovery from the wire and through the tunnel",
                "from_netdev drops neighbour discovery: without that it was delivered (found by reading); ARP was dropped without a count");
    }

    @Test
    void everyHeaderCutAtEveryByteIsJudgedAsTheModelDoes() {
        try (var tunnelled = new ModelledNode(true);
                var natively = new ModelledNode(false)) {
            for (ModelledNode node : List.of(tunnelled, natively)) {
                for (Hook hook : Hook.values()) {
                    for (byte[] whole : everyKindOfHeader(hook)) {
                        for (int length = 14; length <= whole.length; length++) {
                            byte[] cut = Arrays.copyOf(whole, length);
                            runBoth(node, hook, cut);
                            // and with lengths that fit what is left
                            runBoth(node, hook, withLengthsThatFit(cut));
                        }
                    }
                }
                node.checkState();
            }
        }

        row(
                "every header cut at every byte",
                "packets of each protocol, with options, extension headers, fragments, quotes and VXLAN, at each hook,"
                        + " with the lengths that they had and with lengths that fit",
                "every read ends where the frame and the packet do: without the bound of the UDP header a cut one was delivered");
    }

    private void runBoth(ModelledNode node, Hook hook, byte[] frame) {
        if (ModelledNode.isRunnable(frame)) {
            node.forget();
            node.run(hook, frame, World.SECOND_NODE, World.KNOWN);
            forged++;
        }
    }

    private static byte[] withLengthsThatFit(byte[] cut) {
        byte[] frame = cut.clone();
        ByteBuffer lengths = ByteBuffer.wrap(frame);
        if (frame.length >= 34 && frame[12] == 8) {
            lengths.putShort(16, (short) (frame.length - 14));
            if (frame.length >= 42 && frame[23] == Frame.UDP) {
                lengths.putShort(38, (short) (frame.length - 34));
            }
            PacketGenerator.mendOuter(frame);
        } else if (frame.length >= 54) {
            lengths.putShort(18, (short) (frame.length - 54));
        }
        return frame;
    }

    /** To a pod of this node, from whoever may speak there. */
    private static List<byte[]> everyKindOfHeader(Hook hook) {
        List<byte[]> frames = new ArrayList<>();
        for (boolean six : new boolean[] {false, true}) {
            String from = hook == Hook.FROM_POD
                    ? six ? "fd00::2" : "10.0.0.2"
                    : hook == Hook.FROM_OVERLAY ? six ? "fd00:0:0:1::2" : "10.1.0.2" : six ? "2001:db8::1" : "8.8.8.8";
            String to = six ? "fd00::3" : "10.0.0.3";
            for (Frame frame : transports(from, to)) {
                frames.add(frame.bytes());
                frames.add(frame.fragment(0, true).bytes());
                frames.add(frame.fragment(2, false).bytes());
            }
            frames.add(new Frame().from(from).to(to).sctp(40000, 80).bytes());
            frames.add(new Frame()
                    .from(from)
                    .to(to)
                    .icmpError(six ? 1 : 3, 0, new Frame().from(to).to(from))
                    .bytes());
            if (six) {
                for (int kind : new int[] {0, 43, 51, 60}) {
                    frames.add(new Frame().from(from).to(to).extension(kind, 2).bytes());
                }
            } else {
                frames.add(new Frame().from(from).to(to).options(10).bytes());
            }
        }
        if (hook == Hook.FROM_NETDEV) {
            for (byte[] inner : everyKindOfHeader(Hook.FROM_OVERLAY)) {
                frames.add(Frame.vxlan(inner, World.KNOWN, NODE));
            }
        }
        for (byte[] frame : frames) {
            System.arraycopy(Frame.mac6("02:00:00:00:01:01"), 0, frame, 6, 6); // of the world's first pod
        }
        if (hook == Hook.FROM_POD) {
            frames.add(Frame.arpRequest("02:00:00:00:01:01", "10.0.0.2", "169.254.1.1"));
            frames.add(Frame.solicitation("02:00:00:00:01:01", "fd00::2", "fe80::1"));
        }
        return frames;
    }

    private static List<Frame> transports(String from, String to) {
        return List.of(
                new Frame().from(from).to(to).tcp(40000, 80, Frame.SYN),
                new Frame().from(from).to(to).udp(40000, 53),
                new Frame().from(from).to(to).icmp(from.contains(":") ? 128 : 8, 0, 5));
    }

    private static byte[] vxlanHeader(int vni) {
        return ByteBuffer.allocate(8).putInt(0x08000000).putInt(vni << 8).array();
    }

    private int run(String program, byte[] frame) {
        return datapath.run(program, frame).result();
    }

    private void assertDropped(String program, byte[] frame, int verdict) {
        long before = datapath.count(verdict);
        assertThat(run(program, frame)).as(program).isEqualTo(SHOT);
        assertThat(datapath.count(verdict))
                .as("packets counted with verdict %d", verdict)
                .isEqualTo(before + 1);
        forged++;
    }

    private void assertMarkIsGone(String program, byte[] frame, int mark) {
        PacketRunner runner = datapath.object().program(program).runner().mark(mark);
        assertThat(runner.run(frame, 1, 1)).isTrue();
        assertThat(runner.result()).as(program).isEqualTo(REDIRECT);
        assertThat(runner.mark()).as("the mark behind " + program).isZero();
        forged++;
    }

    private void assertOwnTrafficGoesOn() {
        for (String[] ends : new String[][] {{"10.0.0.2", "10.0.0.3"}, {"fd00::2", "fd00::3"}}) {
            for (Frame frame : transports(ends[0], ends[1])) {
                assertThat(datapath.fromPod(frame)).as("its own").isEqualTo(REDIRECT);
            }
        }
    }

    private void row(String what, String done, String guard) {
        CaseBook.open()
                .write(FaultCase.of(Chapter.FORGED, what)
                        .done(done)
                        .times(forged)
                        .lost("nothing; each counted by its reason")
                        .guard(guard));
    }
}

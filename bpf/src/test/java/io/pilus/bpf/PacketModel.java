package io.pilus.bpf;

import io.pilus.bpf.Headers.Part;
import io.pilus.bpf.World.Holder;
import io.pilus.bpf.World.Judgement;
import io.pilus.bpf.World.Kind;
import io.pilus.bpf.World.Peer;
import io.pilus.bpf.World.Pod;
import io.pilus.bpf.World.Range;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What each hook must answer to a frame: the design's rules (who is believed, fragments, ICMP errors, connections, MTU),
 * written down once more. It remembers connections and first fragments as the datapath does; no time passes in it.
 */
final class PacketModel {

    private static final int POD_MTU = 1450;
    private static final int UNDERLAY_MTU = 1500;
    private static final int TUNNEL_PORT = 8472;
    private static final int OUTER = 20 + 8 + 8 + 14;
    private static final int FIRST_POD_IDENTITY = 256;
    private static final Address GATEWAY = Address.of("fe80::1");
    private static final int GATEWAY_IPV4 = 0xa9fe0101;

    enum Hook {
        FROM_POD,
        FROM_HOST,
        FROM_OVERLAY,
        FROM_NETDEV;

        String program() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** One packet, counted. */
    record Count(int endpoint, int rule, int verdict, int direction) {}

    /**
     * @param action TC_ACT_*
     * @param packet as it leaves; null where that is not said
     * @param encapsulated the packet is in VXLAN, whose source port is not said
     * @param length of the packet when it was counted
     * @param detour what follows in VXLAN goes to the kernel's device for a while
     */
    record Answer(
            int action,
            byte @Nullable [] packet,
            boolean encapsulated,
            List<Count> counts,
            int length,
            boolean detour) {

        /** To somebody else, and not back to the sender or on its way. */
        boolean forwarded() {
            return action == Datapath.REDIRECT && !counts.isEmpty() && packet != null;
        }
    }

    /** Somebody who takes part in a packet: a slot or number of 0 is no pod of this node. */
    private record Party(Address address, int port, int identity, int slot, int number, boolean managed) {
        Peer asPeer() {
            return new Peer(identity, address, managed);
        }
    }

    /** Both ends of a connection, in some order. */
    record Ends(Address one, int onePort, Address other, int otherPort, int protocol) {}

    /** A judged side. */
    record Word(int generation, int verdict, int rule) {}

    /** A connection; who opened it is the first of its ends, or else the other. */
    static final class Connection {
        boolean openedByOther;

        @Nullable
        Word egress;

        @Nullable
        Word ingress;

        int opener;
        int receiver;
        boolean replied;
        boolean closing;
        final long[] packets = new long[2];
        final long[] bytes = new long[2];
    }

    private record DatagramKey(Address source, Address destination, int id, int from, int protocol) {}

    private record FirstPart(int sourcePort, int destinationPort, int icmpType, int icmpCode) {}

    private record Verdict(int verdict, boolean asReply) {}

    private final World world;
    final Map<Ends, Connection> connections = new HashMap<>();
    private final Map<DatagramKey, FirstPart> firstParts = new HashMap<>();

    // of the packet in hand
    private final List<Count> counts = new ArrayList<>();
    private byte[] frame = {};
    private int length;
    private boolean detour;

    PacketModel(World world) {
        this.world = world;
    }

    boolean remembersNothing() {
        return connections.isEmpty() && firstParts.isEmpty();
    }

    void forget() {
        connections.clear();
        firstParts.clear();
    }

    private void begin(byte[] packet) {
        frame = packet;
        length = packet.length;
        counts.clear();
        detour = false;
    }

    // ---- what a pod sends

    Answer fromPod(byte[] packet, @Nullable Pod sender) {
        begin(packet);
        if (sender == null) {
            return drop(Verdicts.DROP_NO_INTERFACE, Datapath.EGRESS, 0);
        }
        int reason = 0;
        var headers = new Headers(packet);
        if (!Arrays.equals(packet, 6, 12, sender.mac(), 0, 6)) {
            reason = Verdicts.DROP_SPOOFED_MAC;
        } else if (headers.etherType == Headers.ARP) {
            reason = arp(headers, sender);
            if (reason == 0) {
                return answer(Datapath.REDIRECT, arpReply());
            }
        } else {
            reason = headers.read();
        }
        boolean six = !sender.ipv6().equals(Address.ZERO);
        if (reason == 0 && headers.discovery && headers.icmpType == 135 && six) {
            return isForGateway(headers)
                    ? answer(Datapath.REDIRECT, advertisement())
                    : drop(Verdicts.DROP_LINK_LOCAL, Datapath.EGRESS, sender.number());
        }
        if (reason == 0) {
            reason = mayPodSay(headers, sender);
        }
        if (reason == 0) {
            reason = follow(headers, World.LOOPBACK);
        }
        if (reason == 0 && sender.slot() == 0) {
            reason = Verdicts.DROP_NO_TABLE;
        }
        if (reason != 0) {
            return drop(reason, Datapath.EGRESS, sender.number());
        }
        var from =
                new Party(headers.source, headers.sourcePort, sender.identity(), sender.slot(), sender.number(), true);
        Holder to = world.holders.get(headers.destination);
        if (to != null && to.kind() == Kind.LOCAL) {
            return deliver(headers, from, to);
        }
        Range range = to == null ? world.rangeOf(headers.destination) : null;
        if (to != null
                && to.kind() != Kind.REMOTE
                && headers.protocol == Frame.UDP
                && headers.destinationPort == TUNNEL_PORT) {
            return drop(Verdicts.DROP_TUNNEL_PORT, Datapath.EGRESS, sender.number());
        }
        var receiver = new Party(
                headers.destination, headers.destinationPort, identity(to, range), 0, 0, to != null || range != null);
        if (!isAllowed(headers, from, receiver)) {
            return answer(Datapath.SHOT, null);
        }
        if (to != null && to.kind() == Kind.THIS_NODE) {
            return toHost();
        }
        if (to != null) {
            return toNode(headers, to.node(), to.mac(), sender.identity(), sender.number());
        }
        if (range == null) {
            return natively(headers, UNDERLAY_MTU, sender.number());
        }
        if (range.block() && !range.here()) {
            return toNode(headers, range.node(), World.FAR_TUNNEL_MAC, sender.identity(), sender.number());
        }
        return drop(Verdicts.DROP_NO_ENDPOINT, Datapath.EGRESS, sender.number());
    }

    /** Its own address, nothing of link-local scope, ICMP errors only about what it has received itself. */
    private static int mayPodSay(Headers headers, Pod sender) {
        if (headers.discovery || headers.destination.isLocalScope()) {
            return Verdicts.DROP_LINK_LOCAL;
        }
        Address own = headers.six ? sender.ipv6() : sender.ipv4();
        if (own.equals(Address.ZERO) || !headers.source.equals(own)) {
            return Verdicts.DROP_SPOOFED_SOURCE;
        }
        return headers.error && !headers.innerDestination.equals(own) ? Verdicts.DROP_ICMP_UNRELATED : 0;
    }

    private static int arp(Headers frame, Pod sender) {
        if (frame.frame.length < 14 + 28) {
            return Verdicts.DROP_TRUNCATED;
        }
        if (frame.u16(16) != Headers.IPV4 || frame.u16(18) != 0x0604 || frame.u16(20) != 1) {
            return Verdicts.DROP_LINK_LOCAL;
        }
        int speaker = frame.i32(28);
        if (speaker != 0 && speaker != (int) sender.ipv4().low()) {
            return Verdicts.DROP_SPOOFED_SOURCE;
        }
        return speaker == 0 || frame.i32(38) != GATEWAY_IPV4 ? Verdicts.DROP_LINK_LOCAL : 0;
    }

    private byte[] arpReply() {
        byte[] reply = frame.clone();
        System.arraycopy(frame, 6, reply, 0, 6);
        System.arraycopy(World.GATEWAY_MAC, 0, reply, 6, 6);
        reply[21] = 2;
        System.arraycopy(frame, 22, reply, 32, 10); // its addresses
        System.arraycopy(World.GATEWAY_MAC, 0, reply, 22, 6);
        ByteBuffer.wrap(reply).putInt(28, GATEWAY_IPV4);
        return reply;
    }

    private static boolean isForGateway(Headers frame) {
        return frame.frame.length >= 14 + 40 + 32
                && frame.u8(20) == Frame.ICMPV6
                && frame.u8(21) == 255
                && frame.u16(18) == 32
                && frame.u16(78) == 0x0101
                && frame.address(62).equals(GATEWAY);
    }

    private byte[] advertisement() {
        byte[] reply = frame.clone();
        System.arraycopy(frame, 6, reply, 0, 6);
        System.arraycopy(World.GATEWAY_MAC, 0, reply, 6, 6);
        System.arraycopy(frame, 22, reply, 38, 16);
        System.arraycopy(frame, 62, reply, 22, 16);
        ByteBuffer message = ByteBuffer.wrap(reply);
        message.put(54, (byte) 136).putShort(56, (short) 0).putInt(58, 0x60000000);
        message.put(78, (byte) 2).put(80, World.GATEWAY_MAC);
        return message.putShort(56, (short) ~sum(reply, 22, 86, 32 + Frame.ICMPV6))
                .array();
    }

    // ---- what the node's own stack sends

    Answer fromHost(byte[] packet) {
        begin(packet);
        var headers = new Headers(packet);
        int reason = headers.read();
        if (reason == 0 && (headers.discovery || headers.destination.isLocalScope())) {
            reason = Verdicts.DROP_LINK_LOCAL;
        }
        if (reason == 0) {
            reason = follow(headers, World.LOOPBACK);
        }
        Holder from = world.holders.get(headers.source);
        if (reason == 0 && from != null && from.kind() == Kind.LOCAL) {
            reason = Verdicts.DROP_SPOOFED_SOURCE;
        }
        if (reason != 0) {
            return drop(reason, Datapath.INGRESS, 0);
        }
        int vni = from != null && from.kind() == Kind.THIS_NODE ? World.REMOTE_NODE : World.WORLD;
        Holder to = world.holders.get(headers.destination);
        if (to != null && to.kind() == Kind.LOCAL) {
            return deliver(headers, stranger(headers, from), to);
        }
        if (to != null && to.kind() != Kind.THIS_NODE) {
            return toNode(headers, to.node(), to.mac(), vni, 0);
        }
        Range range = world.rangeOf(headers.destination);
        if (range != null && range.block() && !range.here()) {
            return toNode(headers, range.node(), World.FAR_TUNNEL_MAC, vni, 0);
        }
        return drop(Verdicts.DROP_NO_ENDPOINT, Datapath.INGRESS, 0);
    }

    // ---- what comes through the tunnel

    Answer fromOverlay(byte[] packet, Address outer, int vni) {
        begin(packet);
        return overlay(outer, vni);
    }

    private Answer overlay(Address outer, int vni) {
        var headers = new Headers(frame);
        int reason = headers.read();
        Holder node = world.holders.get(outer);
        if (reason == 0 && (node == null || node.kind() != Kind.NODE)) {
            reason = Verdicts.DROP_TUNNEL_NODE;
        }
        Holder from = world.holders.get(headers.source);
        if (reason == 0) {
            reason = tunnelSender(headers.source, from, vni, outer);
        }
        if (reason == 0 && (headers.discovery || headers.destination.isLocalScope() || headers.source.isLocalScope())) {
            reason = Verdicts.DROP_LINK_LOCAL;
        }
        if (reason == 0) {
            reason = follow(headers, 0);
        }
        if (reason != 0) {
            return drop(reason, Datapath.INGRESS, 0);
        }
        Holder to = world.holders.get(headers.destination);
        if (to != null && to.kind() == Kind.LOCAL) {
            Party sender = from != null || vni < FIRST_POD_IDENTITY
                    ? stranger(headers, from)
                    : new Party(headers.source, headers.sourcePort, vni, 0, 0, true);
            return deliver(headers, sender, to);
        }
        if (to != null && to.kind() == Kind.THIS_NODE) {
            return toHost();
        }
        return drop(Verdicts.DROP_NO_ENDPOINT, Datapath.INGRESS, 0);
    }

    /** Not for this node or its pods; as a node only for itself; a number counts only for a pod not known yet. */
    private int tunnelSender(Address source, @Nullable Holder from, int vni, Address outer) {
        if (from != null) {
            if (from.kind() == Kind.LOCAL
                    || from.kind() == Kind.THIS_NODE
                    || (from.kind() == Kind.NODE && !from.node().equals(outer))) {
                return Verdicts.DROP_TUNNEL_SOURCE;
            }
            boolean node = vni == World.REMOTE_NODE && from.kind() == Kind.NODE;
            return vni >= FIRST_POD_IDENTITY || vni == World.WORLD || node ? 0 : Verdicts.DROP_TUNNEL_IDENTITY;
        }
        Range range = world.rangeOf(source);
        if (range != null && range.here()) {
            return Verdicts.DROP_TUNNEL_SOURCE;
        }
        if (vni == World.WORLD) {
            return 0;
        }
        if (vni < FIRST_POD_IDENTITY) {
            return Verdicts.DROP_TUNNEL_IDENTITY;
        }
        return range == null ? Verdicts.DROP_TUNNEL_SOURCE : 0;
    }

    // ---- what comes from the network

    Answer fromNetdev(byte[] packet) {
        begin(packet);
        if (world.tunnelled && isTunnelled()) {
            var outer = new Headers(packet);
            detour = !isPlain();
            int inner = packet.length - 14 - OUTER;
            if (!detour && inner >= (outer.u16(14 + OUTER - 2) == Headers.IPV6 ? 40 : 20)) {
                frame = decapsulated();
                length = frame.length;
                return overlay(Address.ipv4(outer.i32(26)), outer.i32(46) >>> 8);
            }
        }
        var headers = new Headers(packet);
        int reason = headers.read();
        if (reason == Verdicts.DROP_MAPPED_ADDRESS) {
            return drop(reason, Datapath.INGRESS, 0);
        }
        if (reason != 0) {
            return pass();
        }
        Holder from = world.holders.get(headers.source);
        if (from != null && (from.kind() == Kind.THIS_NODE || from.kind() == Kind.LOCAL)) {
            return drop(Verdicts.DROP_NODE_SOURCE, Datapath.INGRESS, 0);
        }
        Holder to = world.holders.get(headers.destination);
        boolean ofPool =
                (from == null && world.rangeOf(headers.source) != null) || (from != null && from.kind() == Kind.REMOTE);
        if (to == null
                || (to.kind() != Kind.LOCAL && to.kind() != Kind.THIS_NODE)
                || (to.kind() == Kind.THIS_NODE && !ofPool)) {
            return pass();
        }
        if (ofPool && world.tunnelled) {
            reason = Verdicts.DROP_POOL_SOURCE;
        } else if (headers.discovery || headers.source.isLocalScope()) {
            reason = Verdicts.DROP_LINK_LOCAL;
        } else {
            reason = follow(headers, 0);
        }
        if (reason != 0) {
            return drop(reason, Datapath.INGRESS, 0);
        }
        return to.kind() == Kind.THIS_NODE ? toHost() : deliver(headers, stranger(headers, from), to);
    }

    private boolean isTunnelled() {
        if (frame.length < 14 + OUTER + 2) {
            return false;
        }
        var outer = new Headers(frame);
        return outer.etherType == Headers.IPV4
                && outer.u8(14) == 0x45
                && outer.u8(23) == Frame.UDP
                && (outer.u16(20) & 0x3fff) == 0
                && Address.ipv4(outer.i32(30)).equals(World.NODE)
                && outer.u16(36) == TUNNEL_PORT;
    }

    /** As nodes make it: everything else the kernel's device may understand. */
    private boolean isPlain() {
        var outer = new Headers(frame);
        int inner = outer.u16(14 + OUTER - 2);
        return sum(frame, 14, 34, 0) == 0xffff
                && outer.u16(16) == frame.length - 14
                && outer.u16(38) == frame.length - 34
                && outer.u16(40) == 0
                && outer.i32(42) == 0x08000000
                && (outer.u8(15) & 3) != 3
                && (inner == Headers.IPV4 || inner == Headers.IPV6);
    }

    private byte[] decapsulated() {
        byte[] inner = new byte[frame.length - OUTER];
        System.arraycopy(frame, 0, inner, 0, 12);
        System.arraycopy(frame, 12 + OUTER, inner, 12, inner.length - 12);
        return inner;
    }

    private static int sum(byte[] bytes, int from, int to, int start) {
        int sum = start;
        for (int at = from; at < to; at += 2) {
            sum += (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
        }
        while (sum >> 16 != 0) {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        return sum;
    }

    // ---- common

    private Party stranger(Headers headers, @Nullable Holder from) {
        Range range = from == null ? world.rangeOf(headers.source) : null;
        return new Party(
                headers.source, headers.sourcePort, identity(from, range), 0, 0, from != null || range != null);
    }

    /** Inside a pool and not known is nobody's identity, and never the world's. */
    private static int identity(@Nullable Holder holder, @Nullable Range range) {
        return holder != null ? holder.identity() : range != null ? 0 : World.WORLD;
    }

    /** A later fragment has its first one's ports, and never comes before it. */
    private int follow(Headers headers, int from) {
        if (headers.part == Part.WHOLE) {
            return 0;
        }
        var key = new DatagramKey(headers.source, headers.destination, headers.datagram, from, headers.protocol);
        if (headers.part == Part.FIRST) {
            firstParts.put(
                    key,
                    new FirstPart(headers.sourcePort, headers.destinationPort, headers.icmpType, headers.icmpCode));
            return 0;
        }
        FirstPart first = firstParts.get(key);
        if (first == null) {
            return Verdicts.DROP_FRAGMENT_UNKNOWN;
        }
        headers.tcp = Frame.ACK;
        headers.sourcePort = first.sourcePort;
        headers.destinationPort = first.destinationPort;
        headers.icmpType = first.icmpType;
        headers.icmpCode = first.icmpCode;
        return 0;
    }

    private Answer deliver(Headers headers, Party from, Holder to) {
        Pod pod = Objects.requireNonNull(to.pod());
        if (pod.slot() == 0) {
            return drop(Verdicts.DROP_NO_TABLE, Datapath.INGRESS, pod.number());
        }
        var receiver =
                new Party(headers.destination, headers.destinationPort, pod.identity(), pod.slot(), pod.number(), true);
        return isAllowed(headers, from, receiver)
                ? answer(Datapath.REDIRECT, withMacs(pod.mac(), World.HOST_MAC))
                : answer(Datapath.SHOT, null);
    }

    private Answer toHost() {
        return answer(Datapath.REDIRECT, withMacs(World.HOST_MAC, World.HOST_MAC));
    }

    private Answer toNode(Headers headers, Address node, byte[] mac, int vni, int endpoint) {
        if (!world.tunnelled) {
            return natively(headers, UNDERLAY_MTU, endpoint);
        }
        if (frame.length - 14 > POD_MTU) {
            return tooBig(headers, endpoint);
        }
        if (!node.isMapped()) {
            return answer(Datapath.REDIRECT, withMacs(mac, World.TUNNEL_MAC));
        }
        int total = frame.length + OUTER - 14;
        int ecn = (headers.six ? headers.u8(15) >> 4 : headers.u8(15)) & 3;
        ByteBuffer outer = ByteBuffer.allocate(frame.length + OUTER);
        outer.put(frame, 0, 12).putShort((short) Headers.IPV4);
        outer.put((byte) 0x45).put((byte) ecn).putShort((short) total).putInt(0x4000);
        outer.put((byte) 64).put((byte) Frame.UDP).putShort((short) 0);
        outer.putInt((int) World.NODE.low()).putInt((int) node.low());
        outer.putShort(24, (short) ~sum(outer.array(), 14, 34, 0));
        outer.putShort((short) 0).putShort((short) TUNNEL_PORT).putShort((short) (total - 20));
        outer.putShort((short) 0).putInt(0x08000000).putInt(vni << 8);
        outer.put(mac).put(World.TUNNEL_MAC).put(frame, 12, frame.length - 12);
        return new Answer(Datapath.REDIRECT, outer.array(), true, List.copyOf(counts), length, detour);
    }

    private Answer natively(Headers headers, int mtu, int endpoint) {
        return frame.length - 14 > mtu ? tooBig(headers, endpoint) : answer(Datapath.REDIRECT, frame);
    }

    /** Errors and later fragments are answered by nothing. */
    private Answer tooBig(Headers headers, int endpoint) {
        count(Verdicts.DROP_TOO_BIG, 0, Datapath.EGRESS, endpoint);
        return answer(headers.error || headers.part == Part.LATER ? Datapath.SHOT : Datapath.REDIRECT, null);
    }

    private byte[] withMacs(byte[] destination, byte[] source) {
        byte[] packet = frame.clone();
        System.arraycopy(destination, 0, packet, 0, 6);
        System.arraycopy(source, 0, packet, 6, 6);
        return packet;
    }

    private Answer pass() {
        return answer(Datapath.UNSPEC, frame);
    }

    private Answer drop(int verdict, int direction, int endpoint) {
        count(verdict, 0, direction, endpoint);
        return answer(Datapath.SHOT, null);
    }

    private Answer answer(int action, byte @Nullable [] packet) {
        return new Answer(action, packet, false, List.copyOf(counts), length, detour);
    }

    private void count(int verdict, int rule, int direction, int endpoint) {
        counts.add(new Count(endpoint, rule, verdict, direction));
    }

    // ---- connections

    private boolean isAllowed(Headers headers, Party from, Party to) {
        if (headers.error) {
            int verdict = isRelated(headers) ? Verdicts.ALLOW_RELATED : Verdicts.DROP_ICMP_UNRELATED;
            boolean local = to.slot != 0;
            count(verdict, 0, local ? Datapath.INGRESS : Datapath.EGRESS, local ? to.number : from.number);
            return verdict == Verdicts.ALLOW_RELATED;
        }
        boolean swapped = compare(from.address, from.port, to.address, to.port) > 0;
        Ends ends = ends(from.address, from.port, to.address, to.port, headers.protocol);
        Connection known = connections.get(ends);
        if (known == null) {
            return opens(headers, ends, from, to, swapped);
        }
        boolean asReply = swapped != known.openedByOther;
        // ports are used again, or both ends ask each other with one id
        boolean anew = headers.opens() && (asReply || known.closing);
        if (anew || (headers.isIcmp() && asReply != headers.isEchoReply())) {
            return opens(headers, ends, from, to, swapped);
        }
        Party opener = asReply ? to : from;
        Party receiver = asReply ? from : to;
        if (asReply && world.tunnelled) {
            opener = named(opener, known.opener);
        }
        if (opener.identity != known.opener
                || receiver.identity != known.receiver
                || !stands(known.egress, opener.slot)
                || !stands(known.ingress, receiver.slot)) {
            var again = new Connection();
            int verdict = judge(headers, opener, receiver, asReply, again);
            tell(again, verdict, opener, receiver);
            known.egress = again.egress;
            known.ingress = again.ingress;
            known.opener = again.opener;
            known.receiver = again.receiver;
            if (isDrop(verdict)) {
                return false;
            }
        }
        if ((headers.tcp & Frame.RST) != 0) {
            connections.remove(ends);
        } else {
            touch(known, headers, asReply);
        }
        return true;
    }

    /** Who is not known yet is who said so when the connection was opened: a tunnelled packet tells. */
    private static Party named(Party party, int identity) {
        return party.identity != 0
                ? party
                : new Party(party.address, party.port, identity, party.slot, party.number, party.managed);
    }

    private boolean stands(@Nullable Word word, int slot) {
        return slot == 0
                || (word != null
                        && word.generation == world.generationOfSlot.getOrDefault(slot, 0)
                        && !isDrop(word.verdict));
    }

    private void touch(Connection connection, Headers headers, boolean asReply) {
        connection.replied |= asReply;
        connection.closing |= (headers.tcp & Frame.FIN) != 0;
        connection.packets[asReply ? 1 : 0]++;
        connection.bytes[asReply ? 1 : 0] += length;
    }

    /** A TCP segment that does not open is judged as it travels and, failing that, as a reply. */
    private boolean opens(Headers headers, Ends ends, Party from, Party to, boolean swapped) {
        var fresh = new Connection();
        var verdict = new Verdict(judge(headers, from, to, false, fresh), false);
        if (isDrop(verdict.verdict) && headers.protocol == Frame.TCP && !headers.opens()) {
            var reverse = new Connection();
            int asReply = judge(headers, to, from, true, reverse);
            if (!isDrop(asReply)) {
                fresh = reverse;
                verdict = new Verdict(Verdicts.ALLOW_ESTABLISHED, true);
            }
        }
        boolean asReply = verdict.asReply;
        tell(fresh, verdict.verdict, asReply ? to : from, asReply ? from : to);
        if (isDrop(verdict.verdict)) {
            return false;
        }
        if ((headers.tcp & Frame.RST) != 0 || headers.isEchoReply()) {
            return true; // begins nothing
        }
        fresh.openedByOther = swapped != asReply;
        touch(fresh, headers, asReply);
        connections.put(ends, fresh);
        return true;
    }

    private int judge(Headers headers, Party opener, Party receiver, boolean asReply, Connection into) {
        int verdict = Verdicts.ALLOW_DEFAULT;
        int port = headers.policyPort(asReply);
        into.opener = opener.identity;
        into.receiver = receiver.identity;
        if (opener.slot != 0) {
            into.egress = judge(opener.slot, Datapath.EGRESS, receiver, headers.protocol, port);
            verdict = into.egress.verdict;
        }
        if (receiver.slot != 0 && !isDrop(verdict)) {
            into.ingress = judge(receiver.slot, Datapath.INGRESS, opener, headers.protocol, port);
            verdict = into.ingress.verdict;
        }
        return verdict;
    }

    private Word judge(int slot, int direction, Party peer, int protocol, int port) {
        Judgement judgement = world.judge(slot, direction, peer.asPeer(), protocol, port);
        return new Word(world.generationOfSlot.getOrDefault(slot, 0), judgement.verdict(), judgement.rule());
    }

    /** A denial is told by the side that made it, a permission by each. */
    private void tell(Connection judged, int verdict, Party opener, Party receiver) {
        if (judged.egress != null && (!isDrop(verdict) || judged.ingress == null)) {
            count(judged.egress.verdict, judged.egress.rule, Datapath.EGRESS, opener.number);
        }
        if (judged.ingress != null) {
            count(judged.ingress.verdict, judged.ingress.rule, Datapath.INGRESS, receiver.number);
        }
    }

    /** About a connection that is open, and told to the end that sent what it quotes. */
    private boolean isRelated(Headers headers) {
        if (!headers.innerSource.equals(headers.destination)) {
            return false;
        }
        Connection about = connections.get(ends(
                headers.innerSource,
                headers.innerSourcePort,
                headers.innerDestination,
                headers.innerDestinationPort,
                headers.innerProtocol));
        return about != null
                && (about.egress == null || !isDrop(about.egress.verdict))
                && (about.ingress == null || !isDrop(about.ingress.verdict));
    }

    static Ends ends(Address one, int onePort, Address other, int otherPort, int protocol) {
        return compare(one, onePort, other, otherPort) > 0
                ? new Ends(other, otherPort, one, onePort, protocol)
                : new Ends(one, onePort, other, otherPort, protocol);
    }

    static int compare(Address one, int onePort, Address other, int otherPort) {
        int order = Long.compareUnsigned(one.high(), other.high());
        order = order != 0 ? order : Long.compareUnsigned(one.low(), other.low());
        return order != 0 ? order : Integer.compare(onePort, otherPort);
    }

    private static boolean isDrop(int verdict) {
        return verdict >= Verdicts.DROP_POLICY;
    }
}

package io.pilus.bpf;

import io.pilus.bpf.PacketModel.Hook;
import io.pilus.bpf.World.Pod;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Makes frames that are nearly right: well-formed ones of whoever may speak at a hook, answers and errors to those before
 * them, and all of it damaged a little. The same seed makes the same frames.
 */
final class PacketGenerator {

    private static final int ROOM = 4096;
    private static final int REMEMBERED = 32;
    private static final int[] PORTS = {80, 53, 443, 8472, 40000, 40001};
    private static final int[] IDS = {0, 1, 2, 0x0800, 0xffff};
    private static final int[] ICMP_TYPES = {0, 8, 8, 8, 13, 14, 3, 11, 4, 5, 12, 255};
    private static final int[] ICMPV6_TYPES = {128, 128, 129, 1, 2, 3, 135, 136, 133, 137, 143, 141, 255};
    private static final int[] TCP_FLAGS = {2, 2, 18, 16, 16, 24, 17, 4, 20, 0, 1, 6, 63};
    private static final int[] OTHER_PROTOCOLS = {47, 50, 4, 41, 59, 135, 255, 2, 58, 1};
    private static final int[] EXTENSIONS = {0, 43, 44, 44, 51, 60};
    private static final int[] VNIS = {0, 1, 2, 2, 6, 7, 255, 256, 300, 301, 400, 400, 401, 0xffffff};
    private static final byte[] EXTREMES = {0, 1, 0x7f, (byte) 0x80, (byte) 0xff};

    private static final List<Address> FOUR = addresses(
            "10.0.0.2",
            "10.0.0.3",
            "10.0.0.4",
            "10.0.0.5",
            "10.0.0.77",
            "10.1.0.2",
            "10.1.0.77",
            "10.2.0.2",
            "10.4.0.2",
            "10.4.0.9",
            "10.9.9.9",
            "192.168.0.1",
            "192.168.0.2",
            "192.168.0.3",
            "192.168.0.77",
            "8.8.8.8",
            "9.9.9.9",
            "127.0.0.1",
            "169.254.1.1",
            "224.0.0.1",
            "255.255.255.255",
            "0.0.0.0");
    private static final List<Address> SIX = addresses(
            "fd00::2",
            "fd00::3",
            "fd00::5",
            "fd00::77",
            "fd00:0:0:1::2",
            "fd00:0:0:1::77",
            "fd00:0:0:9::9",
            "fd99::1",
            "fd99::4",
            "2001:db8::1",
            "fe80::1",
            "ff02::1",
            "::1",
            "::",
            "::ffff:10.0.0.2");
    // of those above the first are pods of this node, and the next the likelier ones elsewhere
    private static final int LOCAL_FOUR = 4;
    private static final int USUAL_FOUR = 16;
    private static final int LOCAL_SIX = 3;
    private static final int USUAL_SIX = 10;

    private static final Address ALL_NODES_OF_GATEWAY = Address.of("ff02::1:ff00:1");
    private static final Address GATEWAY = Address.of("fe80::1");

    /** A packet that was made, to answer it. */
    private record Sent(
            Address source, Address destination, int protocol, int sourcePort, int destinationPort, int type, int id) {}

    private final SplittableRandom random;
    private final List<Sent> sent = new ArrayList<>();
    private @Nullable Sent about;

    PacketGenerator(long seed) {
        random = new SplittableRandom(seed);
    }

    private static List<Address> addresses(String... all) {
        return Arrays.stream(all).map(Address::of).toList();
    }

    boolean chance(int percent) {
        return random.nextInt(100) < percent;
    }

    <T> T oneOf(List<T> all) {
        return all.get(random.nextInt(all.size()));
    }

    private int oneOf(int... all) {
        return all[random.nextInt(all.length)];
    }

    int vni() {
        return oneOf(VNIS);
    }

    /** Who is said to have sent something through the tunnel. */
    Address outer() {
        return chance(80)
                ? oneOf(List.of(World.SECOND_NODE, World.THIRD_NODE, World.NODE_BY_IPV6))
                : oneOf(chance(70) ? FOUR : SIX);
    }

    byte[] next(Hook hook, @Nullable Pod sender) {
        ByteBuffer frame = ByteBuffer.allocate(ROOM);
        frame.put(World.GATEWAY_MAC).put(sender == null || chance(2) ? World.FAR_TUNNEL_MAC : sender.mac());
        if (hook == Hook.FROM_POD && sender != null && chance(4)) {
            neighbour(frame, sender);
        } else {
            ip(frame, hook, sender);
        }
        byte[] made = Arrays.copyOf(frame.array(), frame.position());
        if (chance(35)) {
            made = damaged(made);
        }
        if (hook == Hook.FROM_NETDEV && chance(60)) {
            made = tunnelled(made);
            if (chance(25)) {
                made = damaged(made);
            }
            if (chance(90)) {
                mendOuter(made);
            }
        }
        return made;
    }

    private void neighbour(ByteBuffer frame, Pod sender) {
        if (chance(50)) {
            frame.putShort((short) Headers.ARP)
                    .put(Frame.hex("0001080006040001"))
                    .put(sender.mac());
            frame.putInt(
                    chance(70) ? (int) sender.ipv4().low() : (int) oneOf(FOUR).low());
            frame.put(new byte[6])
                    .putInt(chance(70) ? 0xa9fe0101 : (int) oneOf(FOUR).low());
        } else {
            frame.putShort((short) Headers.IPV6)
                    .putInt(6 << 28)
                    .putShort((short) 32)
                    .put((byte) Frame.ICMPV6);
            frame.put((byte) (chance(90) ? 255 : 64)).put(sender.ipv6().bytes());
            frame.put(ALL_NODES_OF_GATEWAY.bytes()).put((byte) 135).put(new byte[7]);
            frame.put((chance(80) ? GATEWAY : oneOf(SIX)).bytes())
                    .put(Frame.hex("0101"))
                    .put(sender.mac());
        }
    }

    private void ip(ByteBuffer frame, Hook hook, @Nullable Pod sender) {
        Sent packet = following(hook, sender);
        if (sent.size() == REMEMBERED) {
            sent.remove(random.nextInt(REMEMBERED));
        }
        sent.add(packet);
        byte[] transport = transport(packet);
        if (packet.source.isMapped() && packet.destination.isMapped()) {
            ipv4(frame, packet, transport);
        } else {
            ipv6(frame, packet, transport);
        }
    }

    /** Another of a conversation, an error about it, or the beginning of one. */
    private Sent following(Hook hook, @Nullable Pod sender) {
        about = null;
        if (sent.isEmpty() || chance(50)) {
            return fresh(hook, sender);
        }
        Sent earlier = oneOf(sent);
        Sent reply = reply(earlier);
        if (!maySend(reply.source, hook, sender)) {
            return maySend(earlier.source, hook, sender) ? earlier : fresh(hook, sender);
        }
        if (chance(75)) {
            return reply;
        }
        about = earlier;
        boolean six = !reply.source.isMapped();
        int type = six ? random.nextInt(1, 5) : oneOf(3, 3, 11, 12);
        return new Sent(reply.source, reply.destination, six ? Frame.ICMPV6 : Frame.ICMP, 0, 0, type, 0);
    }

    private static boolean maySend(Address source, Hook hook, @Nullable Pod sender) {
        if (hook == Hook.FROM_POD) {
            return sender != null && (source.equals(sender.ipv4()) || source.equals(sender.ipv6()));
        }
        int four = FOUR.indexOf(source);
        int six = SIX.indexOf(source);
        return four >= LOCAL_FOUR || six >= LOCAL_SIX;
    }

    private Sent fresh(Hook hook, @Nullable Pod sender) {
        boolean six = chance(45);
        Address source = address(six);
        Address destination = address(six);
        if (hook == Hook.FROM_POD) {
            if (sender != null && chance(93)) {
                source = six ? sender.ipv6() : sender.ipv4();
            }
        } else if (chance(85)) {
            source = six
                    ? SIX.get(random.nextInt(LOCAL_SIX, USUAL_SIX))
                    : FOUR.get(random.nextInt(LOCAL_FOUR, USUAL_FOUR));
            if (chance(75)) {
                destination = six ? SIX.get(random.nextInt(LOCAL_SIX)) : FOUR.get(random.nextInt(LOCAL_FOUR));
            }
        }
        int protocol = switch (random.nextInt(20)) {
            case 0, 1, 2, 3, 4, 5, 6 -> Frame.TCP;
            case 7, 8, 9, 10, 11 -> Frame.UDP;
            case 12, 13, 14, 15, 16 -> six ? Frame.ICMPV6 : Frame.ICMP;
            case 17 -> Frame.SCTP;
            default -> oneOf(OTHER_PROTOCOLS);
        };
        int type = oneOf(six ? ICMPV6_TYPES : ICMP_TYPES);
        return new Sent(source, destination, protocol, oneOf(PORTS), oneOf(PORTS), type, oneOf(IDS));
    }

    private static Sent reply(Sent to) {
        int type = switch (to.type) {
            case 8 -> 0;
            case 128 -> 129;
            case 13 -> 14;
            default -> to.type;
        };
        return new Sent(
                /* source= */ to.destination,
                /* destination= */ to.source,
                to.protocol,
                /* sourcePort= */ to.destinationPort,
                /* destinationPort= */ to.sourcePort,
                type,
                to.id);
    }

    private Address address(boolean six) {
        List<Address> all = six ? SIX : FOUR;
        return chance(93) ? all.get(random.nextInt(six ? USUAL_SIX : USUAL_FOUR)) : oneOf(all);
    }

    private byte[] transport(Sent packet) {
        ByteBuffer transport = ByteBuffer.allocate(ROOM / 2);
        switch (packet.protocol) {
            case Frame.TCP ->
                transport
                        .putShort((short) packet.sourcePort)
                        .putShort((short) packet.destinationPort)
                        .putLong(random.nextLong())
                        .put((byte) (chance(95) ? 0x50 : random.nextInt(256)))
                        .put((byte) oneOf(TCP_FLAGS))
                        .putShort((short) 512)
                        .putInt(0);
            case Frame.UDP, Frame.SCTP ->
                transport
                        .putShort((short) packet.sourcePort)
                        .putShort((short) packet.destinationPort)
                        .putLong(8L << 48);
            case Frame.ICMP, Frame.ICMPV6 -> icmp(transport, packet);
            default -> transport.putLong(random.nextLong());
        }
        int payload = chance(90) ? random.nextInt(40) : random.nextInt(1350, 1550);
        return Arrays.copyOf(transport.array(), transport.position() + payload);
    }

    private void icmp(ByteBuffer transport, Sent packet) {
        transport.put((byte) packet.type).put((byte) (chance(80) ? 0 : 1)).putShort((short) 0);
        transport.putShort((short) packet.id).putShort((short) 1);
        boolean six = packet.protocol == Frame.ICMPV6;
        boolean error = six ? packet.type < 128 : List.of(3, 4, 5, 11, 12).contains(packet.type);
        if (!error) {
            return;
        }
        Sent quoted = about != null ? about : oneOf(sent.isEmpty() ? List.of(packet) : sent);
        Address source = about != null || chance(80) ? quoted.source : packet.destination;
        Address destination = about != null || chance(80) ? quoted.destination : packet.source;
        ByteBuffer quote = ByteBuffer.allocate(ROOM / 4);
        if (six) {
            boolean fragment = chance(10);
            quote.putInt(6 << 28)
                    .putShort((short) 20)
                    .put((byte) (fragment ? 44 : quoted.protocol))
                    .put((byte) 64);
            quote.put(source.bytes()).put(destination.bytes());
            if (fragment) {
                quote.put((byte) quoted.protocol)
                        .put((byte) 0)
                        .putShort((short) (chance(70) ? 1 : 8))
                        .putInt(7);
            }
        } else {
            quote.put((byte) (chance(95) ? 0x45 : random.nextInt(256)))
                    .put((byte) 0)
                    .putShort((short) 40);
            quote.putShort((short) 7)
                    .putShort((short) (chance(95) ? 0 : 3))
                    .put((byte) 64)
                    .put((byte) quoted.protocol);
            quote.putShort((short) 0).putInt((int) source.low()).putInt((int) destination.low());
        }
        if (quoted.protocol == Frame.ICMP || quoted.protocol == Frame.ICMPV6) {
            quote.put((byte) quoted.type)
                    .put((byte) 0)
                    .putShort((short) 0)
                    .putShort((short) quoted.id)
                    .putShort((short) 1);
        } else {
            quote.putShort((short) quoted.sourcePort)
                    .putShort((short) quoted.destinationPort)
                    .putInt(0);
        }
        transport.put(quote.array(), 0, quote.position());
    }

    private void ipv4(ByteBuffer frame, Sent packet, byte[] transport) {
        int options = chance(10) ? random.nextInt(1, 11) : 0;
        int fragment = 0;
        if (chance(14)) {
            fragment = chance(45) ? 0x2000 : random.nextInt(1, 5) | (chance(50) ? 0x2000 : 0);
        }
        frame.putShort((short) Headers.IPV4).put((byte) (0x45 + options)).put((byte) random.nextInt(256));
        frame.putShort((short) (20 + options * 4 + transport.length)).putShort((short) random.nextInt(4));
        frame.putShort((short) fragment)
                .put((byte) 64)
                .put((byte) packet.protocol)
                .putShort((short) 0);
        frame.putInt((int) packet.source.low()).putInt((int) packet.destination.low());
        frame.put(new byte[options * 4]).put(transport);
    }

    private void ipv6(ByteBuffer frame, Sent packet, byte[] transport) {
        ByteBuffer chain = ByteBuffer.allocate(ROOM / 4);
        int first = packet.protocol;
        if (chance(25)) {
            int headers = chance(80) ? random.nextInt(1, 4) : random.nextInt(4, 8);
            int[] kinds = new int[headers + 1];
            kinds[headers] = packet.protocol;
            for (int i = 0; i < headers; i++) {
                kinds[i] = oneOf(EXTENSIONS);
            }
            first = kinds[0];
            for (int i = 0; i < headers; i++) {
                extension(chain, kinds[i], kinds[i + 1]);
            }
        }
        frame.putShort((short) Headers.IPV6).putInt(6 << 28 | random.nextInt(1 << 28));
        frame.putShort((short) (chain.position() + transport.length))
                .put((byte) first)
                .put((byte) 64);
        frame.put(packet.source.bytes()).put(packet.destination.bytes());
        frame.put(chain.array(), 0, chain.position()).put(transport);
    }

    private void extension(ByteBuffer chain, int kind, int next) {
        if (kind == 44) {
            int offset = chance(45) ? 0 : random.nextInt(1, 4);
            chain.put((byte) next).put((byte) 0);
            chain.putShort((short) (offset << 3 | (chance(60) ? 1 : 0))).putInt(random.nextInt(4));
        } else if (kind == 51) {
            chain.put((byte) next).put((byte) 1).put(new byte[10]);
        } else {
            int length = chance(95) ? random.nextInt(2) : random.nextInt(12);
            chain.put((byte) next).put((byte) length).put(new byte[length * 8 + 6]);
        }
    }

    private byte[] tunnelled(byte[] inner) {
        ByteBuffer frame = ByteBuffer.allocate(inner.length + 50);
        int total = inner.length + 36;
        Address outer = outer();
        frame.put(inner, 0, 12).putShort((short) Headers.IPV4);
        frame.put((byte) 0x45)
                .put((byte) random.nextInt(4))
                .putShort((short) total)
                .putInt(chance(97) ? 0x4000 : 0x2000);
        frame.put((byte) 64).put((byte) Frame.UDP).putShort((short) 0).putInt((int) outer.low());
        frame.putInt((int) (chance(95) ? World.NODE : oneOf(FOUR)).low());
        frame.putShort((short) random.nextInt()).putShort((short) (chance(98) ? 8472 : 4789));
        frame.putShort((short) (total - 20)).putShort((short) 0);
        frame.putInt(0x08000000).putInt(vni() << 8 | (chance(95) ? 0 : random.nextInt(256)));
        return frame.put(inner).array();
    }

    /** Makes the IPv4 header's checksum right. */
    static void mendOuter(byte[] frame) {
        if (frame.length < 34) {
            return;
        }
        frame[24] = 0;
        frame[25] = 0;
        int sum = 0;
        for (int at = 14; at < 34; at += 2) {
            sum += (frame[at] & 0xff) << 8 | (frame[at + 1] & 0xff);
        }
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        ByteBuffer.wrap(frame).putShort(24, (short) ~sum);
    }

    /** One to three things wrong with it. */
    private byte[] damaged(byte[] whole) {
        byte[] frame = whole;
        for (int times = random.nextInt(1, 4); times > 0; times--) {
            // headers are where it matters
            int at = random.nextInt(chance(90) ? Math.min(frame.length, 120) : frame.length);
            switch (random.nextInt(8)) {
                case 0, 1 -> frame[at] ^= (byte) (1 << random.nextInt(8));
                case 2 -> frame[at] = EXTREMES[random.nextInt(EXTREMES.length)];
                case 3 -> frame = Arrays.copyOf(frame, Math.max(14, at));
                case 4 -> frame = Arrays.copyOf(frame, frame.length + random.nextInt(1, 40));
                case 5 -> lie(frame);
                case 6 -> frame = repeated(frame, at);
                default -> frame[at] = (byte) random.nextInt();
            }
        }
        return frame;
    }

    /** About its length. */
    private void lie(byte[] frame) {
        int at = frame[12] == 8 ? 16 : 18;
        if (frame.length > at + 2) {
            int lie = chance(50) ? random.nextInt(80) : random.nextInt(65536);
            ByteBuffer.wrap(frame).putShort(at, (short) lie);
        }
    }

    private byte[] repeated(byte[] frame, int at) {
        int length = Math.min(frame.length - at, oneOf(4, 8, 14, 20, 40));
        byte[] longer = new byte[frame.length + length];
        System.arraycopy(frame, 0, longer, 0, at + length);
        System.arraycopy(frame, at, longer, at + length, frame.length - at);
        return longer;
    }
}

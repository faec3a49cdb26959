package io.pilus.bpf;

import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;

/** Builds Ethernet frames, byte by byte; every checksum that nobody looks at is zero. */
final class Frame {

    static final int TCP = 6;
    static final int UDP = 17;
    static final int SCTP = 132;
    static final int ICMP = 1;
    static final int ICMPV6 = 58;

    static final int FIN = 1;
    static final int SYN = 2;
    static final int RST = 4;
    static final int ACK = 16;

    private String sourceMac = "02:00:00:00:00:02";
    private String destinationMac = "02:00:00:00:00:01";
    private String source = "10.0.0.2";
    private String destination = "10.0.0.3";
    private int protocol = TCP;
    private int fragment;
    private byte[] extensions = {};
    private byte[] options = {};
    private int firstHeader;
    private byte[] transport = {};

    Frame() {
        tcp(40000, 80, SYN);
    }

    Frame mac(String address) {
        sourceMac = address;
        return this;
    }

    Frame from(String address) {
        source = address;
        return this;
    }

    Frame to(String address) {
        destination = address;
        return this;
    }

    final Frame tcp(int sourcePort, int destinationPort, int... flags) {
        protocol = TCP;
        int all = Arrays.stream(flags).reduce(0, (one, other) -> one | other);
        transport = ByteBuffer.allocate(20)
                .putShort((short) sourcePort)
                .putShort((short) destinationPort)
                .putLong(0)
                .put((byte) 0x50)
                .put((byte) all)
                .array();
        return this;
    }

    Frame udp(int sourcePort, int destinationPort) {
        protocol = UDP;
        transport = ByteBuffer.allocate(16)
                .putShort((short) sourcePort)
                .putShort((short) destinationPort)
                .putShort((short) 16)
                .array();
        return this;
    }

    Frame sctp(int sourcePort, int destinationPort) {
        protocol = SCTP;
        transport = ByteBuffer.allocate(16)
                .putShort((short) sourcePort)
                .putShort((short) destinationPort)
                .array();
        return this;
    }

    Frame icmp(int type, int code, int id) {
        protocol = source.contains(":") ? ICMPV6 : ICMP;
        transport = ByteBuffer.allocate(16)
                .put((byte) type)
                .put((byte) code)
                .putShort((short) 0)
                .putShort((short) id)
                .array();
        return this;
    }

    /** An ICMP error that quotes the start of another packet. */
    Frame icmpError(int type, int code, Frame about) {
        icmp(type, code, 0);
        byte[] ip = Arrays.copyOfRange(about.bytes(), 14, about.bytes().length);
        byte[] quote = Arrays.copyOf(
                ip, Math.min(ip.length, (about.source.contains(":") ? 40 : 20) + about.extensions.length + 8));
        transport = concat(Arrays.copyOf(transport, 8), quote);
        return this;
    }

    /** A fragment at that offset in units of 8 bytes. */
    Frame fragment(int offset, boolean more) {
        if (source.contains(":")) {
            firstHeader = 44;
            extensions = ByteBuffer.allocate(8)
                    .put((byte) protocol)
                    .put((byte) 0)
                    .putShort((short) (offset << 3 | (more ? 1 : 0)))
                    .putInt(77)
                    .array();
        } else {
            fragment = offset | (more ? 0x2000 : 0);
        }
        return this;
    }

    /** A first fragment's header in front of the one that it has. */
    Frame insideAnotherFragment() {
        byte[] inner = extensions;
        fragment(0, true);
        extensions[0] = 44;
        extensions = concat(extensions, inner);
        return this;
    }

    /** An IPv6 extension header of 8 bytes and more. */
    Frame extension(int kind, int units) {
        firstHeader = kind;
        extensions = new byte[kind == 51 ? (units + 2) * 4 : (units + 1) * 8];
        extensions[0] = (byte) protocol;
        extensions[1] = (byte) units;
        return this;
    }

    /** IPv4 options of as many words. */
    Frame options(int words) {
        options = new byte[4 * words];
        return this;
    }

    Frame append(byte[]... more) {
        for (byte[] bytes : more) {
            transport = concat(transport, bytes);
        }
        return this;
    }

    Frame protocol(int number) {
        protocol = number;
        return this;
    }

    Frame payload(int bytes) {
        transport = Arrays.copyOf(transport, transport.length + bytes);
        return this;
    }

    byte[] bytes() {
        byte[] ethernet =
                concat(concat(mac6(destinationMac), mac6(sourceMac)), source.contains(":") ? hex("86dd") : hex("0800"));
        return concat(ethernet, source.contains(":") ? ipv6() : ipv4());
    }

    private byte[] ipv4() {
        ByteBuffer header = ByteBuffer.allocate(20)
                .put((byte) (0x45 + options.length / 4))
                .put((byte) 0)
                .putShort((short) (20 + options.length + transport.length))
                .putShort((short) 77)
                .putShort((short) fragment)
                .put((byte) 64)
                .put((byte) protocol)
                .putShort((short) 0)
                .put(address(source))
                .put(address(destination));
        return concat(header.array(), concat(options, transport));
    }

    private byte[] ipv6() {
        ByteBuffer header = ByteBuffer.allocate(40)
                .putInt(6 << 28)
                .putShort((short) (extensions.length + transport.length))
                .put((byte) (extensions.length == 0 ? protocol : firstHeader))
                .put((byte) 255)
                .put(address16(source))
                .put(address16(destination));
        return concat(header.array(), concat(extensions, transport));
    }

    static byte[] arpRequest(String sourceMac, String sender, String target) {
        byte[] header = concat(hex("ffffffffffff"), concat(mac6(sourceMac), hex("0806" + "0001080006040001")));
        return concat(header, concat(mac6(sourceMac), concat(address(sender), concat(new byte[6], address(target)))));
    }

    static byte[] solicitation(String sourceMac, String sender, String target) {
        var frame = new Frame().mac(sourceMac).from(sender).to("ff02::1:ff00:1");
        frame.protocol = ICMPV6;
        frame.transport =
                concat(hex("8700000000000000"), concat(address16(target), concat(hex("0101"), mac6(sourceMac))));
        return frame.bytes();
    }

    static byte[] vxlan(byte[] inner, int vni, String node) {
        return vxlan(inner, vni, node, 0);
    }

    /** As another node sends it to this one. */
    static byte[] vxlan(byte[] inner, int vni, String node, int tos) {
        int total = inner.length + 20 + 8 + 8;
        ByteBuffer frame = ByteBuffer.allocate(14 + total);
        frame.put(inner, 0, 12).putShort((short) 0x0800);
        frame.put((byte) 0x45).put((byte) tos).putShort((short) total).putInt(0x4000);
        frame.put((byte) 64).put((byte) UDP).putShort((short) 0);
        frame.put(address(node)).put(address("192.168.0.1"));
        int sum = 0;
        for (int at = 14; at < 34; at += 2) {
            sum += frame.getShort(at) & 0xffff;
        }
        frame.putShort(24, (short) ~((sum & 0xffff) + (sum >> 16)));
        frame.putShort((short) 50000)
                .putShort((short) 8472)
                .putShort((short) (total - 20))
                .putShort((short) 0);
        return frame.putInt(0x08000000).putInt(vni << 8).put(inner).array();
    }

    static byte[] mac6(String address) {
        return hex(address.replace(":", ""));
    }

    static byte[] address(String text) {
        return InetAddress.ofLiteral(text).getAddress();
    }

    /** As the datapath holds it; the JDK would make an IPv4 address of a mapped one. */
    static byte[] address16(String text) {
        if (text.startsWith("::ffff:")) {
            return mapped(address(text.substring(7)));
        }
        byte[] bytes = address(text);
        return bytes.length == 16 ? bytes : mapped(bytes);
    }

    private static byte[] mapped(byte[] ipv4) {
        return concat(hex("00000000000000000000ffff"), ipv4);
    }

    static byte[] hex(String digits) {
        return HexFormat.of().parseHex(digits);
    }

    static byte[] concat(byte[] one, byte[] other) {
        var all = new ByteArrayOutputStream();
        all.writeBytes(one);
        all.writeBytes(other);
        return all.toByteArray();
    }
}

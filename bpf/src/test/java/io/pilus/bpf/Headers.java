package io.pilus.bpf;

import java.util.Set;

/**
 * What the model reads in a frame, from the RFCs: a header counts only as far as its packet goes by its own length, and
 * what is behind that was never sent.
 */
final class Headers {

    static final int ETHERNET = 14;
    static final int IPV4 = 0x0800;
    static final int IPV6 = 0x86dd;
    static final int ARP = 0x0806;

    private static final int HOP_BY_HOP = 0;
    private static final int ROUTING = 43;
    private static final int FRAGMENT = 44;
    private static final int AUTHENTICATION = 51;
    private static final int DESTINATION_OPTIONS = 60;
    private static final int LONGEST_CHAIN = 6;
    private static final int FURTHEST_TRANSPORT = ETHERNET + 40 + 512;

    private static final int ECHO = 8;
    private static final int ECHO_REPLY = 0;
    private static final int ECHO_V6 = 128;
    private static final int ECHO_REPLY_V6 = 129;
    private static final Set<Integer> ICMP_ERRORS = Set.of(3, 4, 5, 11, 12);

    /** A packet's place in its datagram. */
    enum Part {
        WHOLE,
        FIRST,
        LATER
    }

    final byte[] frame;
    final int etherType;
    boolean six;
    Address source = Address.ZERO;
    Address destination = Address.ZERO;
    int protocol;
    int sourcePort;
    int destinationPort;
    int tcp;
    int icmpType;
    int icmpCode;
    Part part = Part.WHOLE;
    int datagram;
    boolean error;
    boolean discovery;
    Address innerSource = Address.ZERO;
    Address innerDestination = Address.ZERO;
    int innerSourcePort;
    int innerDestinationPort;
    int innerProtocol;

    private int end;

    Headers(byte[] frame) {
        this.frame = frame;
        this.etherType = u16(12);
    }

    /** 0, or the reason to drop the packet. */
    int read() {
        int reason = switch (etherType) {
            case IPV4 -> readIpv4();
            case IPV6 -> readIpv6();
            default -> Verdicts.DROP_NOT_IP;
        };
        // RFC 1858: a first fragment holds the whole transport header
        return reason == Verdicts.DROP_TRUNCATED && part == Part.FIRST ? Verdicts.DROP_FRAGMENT_TINY : reason;
    }

    private int readIpv4() {
        int ip = ETHERNET;
        if (frame.length < ip + 20) {
            return Verdicts.DROP_TRUNCATED;
        }
        int header = (frame[ip] & 15) * 4;
        int total = u16(ip + 2);
        if (u8(ip) >> 4 != 4 || header < 20 || total < header) {
            return Verdicts.DROP_INVALID;
        }
        if (ip + total > frame.length) {
            return Verdicts.DROP_TRUNCATED;
        }
        end = ip + total;
        source = Address.ipv4(i32(ip + 12));
        destination = Address.ipv4(i32(ip + 16));
        protocol = u8(ip + 9);
        int offset = u16(ip + 6) & 0x1fff;
        boolean more = (u16(ip + 6) & 0x2000) != 0;
        if (offset > 0) {
            part = Part.LATER;
            datagram = u16(ip + 4);
            // RFC 3128: it would overwrite the flags
            return protocol == Frame.TCP && offset == 1 ? Verdicts.DROP_FRAGMENT_TINY : 0;
        }
        if (more) {
            part = Part.FIRST;
            datagram = u16(ip + 4);
        }
        return readTransport(ip + header);
    }

    private int readIpv6() {
        int ip = ETHERNET;
        if (frame.length < ip + 40) {
            return Verdicts.DROP_TRUNCATED;
        }
        if (u8(ip) >> 4 != 6) {
            return Verdicts.DROP_INVALID;
        }
        end = ip + 40 + u16(ip + 4);
        if (end > frame.length) {
            return Verdicts.DROP_TRUNCATED;
        }
        source = address(ip + 8);
        destination = address(ip + 24);
        if (source.isMapped() || destination.isMapped()) {
            return Verdicts.DROP_MAPPED_ADDRESS;
        }
        six = true;
        int next = u8(ip + 6);
        int at = ip + 40;
        boolean fragmented = false;
        for (int headers = 0; isExtension(next); headers++) {
            if (headers == LONGEST_CHAIN || at + (next == FRAGMENT ? 8 : 2) > frame.length) {
                return Verdicts.DROP_EXTENSION;
            }
            if (next == FRAGMENT) {
                if (fragmented) {
                    return Verdicts.DROP_INVALID;
                }
                fragmented = true;
                datagram = i32(at + 4);
                next = u8(at);
                if (u16(at + 2) >> 3 > 0) {
                    part = Part.LATER;
                    protocol = next;
                    return at + 8 > end ? Verdicts.DROP_EXTENSION : 0;
                }
                if ((u16(at + 2) & 1) != 0) {
                    part = Part.FIRST;
                }
                at += 8;
            } else {
                int length = next == AUTHENTICATION ? (u8(at + 1) + 2) * 4 : (u8(at + 1) + 1) * 8;
                next = u8(at);
                at += length;
            }
        }
        if (at > end || at > FURTHEST_TRANSPORT) {
            return Verdicts.DROP_EXTENSION;
        }
        protocol = next;
        return readTransport(at);
    }

    private static boolean isExtension(int header) {
        return header == HOP_BY_HOP
                || header == ROUTING
                || header == FRAGMENT
                || header == AUTHENTICATION
                || header == DESTINATION_OPTIONS;
    }

    private int readTransport(int at) {
        int least = switch (protocol) {
            case Frame.TCP -> 20;
            case Frame.UDP, Frame.ICMP, Frame.ICMPV6 -> 8;
            case Frame.SCTP -> 12;
            default -> 0;
        };
        if (isIcmp() && (protocol == Frame.ICMPV6) != six) {
            return Verdicts.DROP_INVALID;
        }
        if (at + least > end) {
            return Verdicts.DROP_TRUNCATED;
        }
        if (isIcmp()) {
            return readIcmp(at);
        }
        if (least == 0) {
            return 0;
        }
        if (protocol == Frame.TCP) {
            if (u8(at + 12) >> 4 < 5) {
                return Verdicts.DROP_INVALID;
            }
            tcp = u8(at + 13);
        }
        sourcePort = u16(at);
        destinationPort = u16(at + 2);
        return 0;
    }

    private int readIcmp(int at) {
        icmpType = u8(at);
        icmpCode = u8(at + 1);
        sourcePort = icmpSourcePort(protocol, icmpType, icmpCode, u16(at + 4));
        destinationPort = icmpDestinationPort(protocol, icmpType, u16(at + 4));
        discovery = six && icmpType >= 130 && icmpType <= 137;
        error = six ? icmpType < ECHO_V6 : ICMP_ERRORS.contains(icmpType);
        return error ? readQuote(at + 8) : 0;
    }

    /** The packet that an ICMP error is about: its header, and at least 8 bytes behind that. */
    private int readQuote(int at) {
        int transport;
        if (at + (six ? 40 : 20) > end) {
            return Verdicts.DROP_TRUNCATED;
        }
        if (six) {
            innerSource = address(at + 8);
            innerDestination = address(at + 24);
            innerProtocol = u8(at + 6);
            transport = at + 40;
            if (innerProtocol == FRAGMENT) {
                if (transport + 8 > end) {
                    return Verdicts.DROP_TRUNCATED;
                }
                if (u16(transport + 2) >> 3 != 0) {
                    return Verdicts.DROP_ICMP_UNRELATED;
                }
                innerProtocol = u8(transport);
                transport += 8;
            }
        } else {
            if ((u8(at) & 15) < 5 || (u16(at + 6) & 0x1fff) != 0) {
                return Verdicts.DROP_ICMP_UNRELATED;
            }
            innerSource = Address.ipv4(i32(at + 12));
            innerDestination = Address.ipv4(i32(at + 16));
            innerProtocol = u8(at + 9);
            transport = at + (u8(at) & 15) * 4;
        }
        if (transport + 8 > end) {
            return Verdicts.DROP_TRUNCATED;
        }
        switch (innerProtocol) {
            case Frame.TCP, Frame.UDP, Frame.SCTP -> {
                innerSourcePort = u16(transport);
                innerDestinationPort = u16(transport + 2);
            }
            case Frame.ICMP, Frame.ICMPV6 -> {
                int type = u8(transport);
                innerSourcePort = icmpSourcePort(innerProtocol, type, u8(transport + 1), u16(transport + 4));
                innerDestinationPort = icmpDestinationPort(innerProtocol, type, u16(transport + 4));
            }
            default -> {
                // has no ports
            }
        }
        return 0;
    }

    /** Of an echo the asker's port is the id, the answerer's 0; everything else is a connection of its own kind. */
    private static int icmpSourcePort(int protocol, int type, int code, int id) {
        if (type == (protocol == Frame.ICMPV6 ? ECHO_V6 : ECHO)) {
            return id;
        }
        return type == (protocol == Frame.ICMPV6 ? ECHO_REPLY_V6 : ECHO_REPLY) ? 0 : type << 8 | code;
    }

    private static int icmpDestinationPort(int protocol, int type, int id) {
        if (type == (protocol == Frame.ICMPV6 ? ECHO_V6 : ECHO)) {
            return 0;
        }
        return type == (protocol == Frame.ICMPV6 ? ECHO_REPLY_V6 : ECHO_REPLY) ? id : 0xffff;
    }

    boolean isIcmp() {
        return protocol == Frame.ICMP || protocol == Frame.ICMPV6;
    }

    boolean isEchoReply() {
        return isIcmp() && icmpType == (protocol == Frame.ICMPV6 ? ECHO_REPLY_V6 : ECHO_REPLY);
    }

    boolean opens() {
        return (tcp & (Frame.SYN | Frame.ACK)) == Frame.SYN;
    }

    /** The port by which rules know the packet. */
    int policyPort(boolean asReply) {
        if (!isIcmp()) {
            return asReply ? sourcePort : destinationPort;
        }
        int asked = protocol == Frame.ICMPV6 ? ECHO_V6 : ECHO;
        return (asReply && isEchoReply() ? asked : icmpType) << 8 | icmpCode;
    }

    int u8(int at) {
        return frame[at] & 0xff;
    }

    int u16(int at) {
        return u8(at) << 8 | u8(at + 1);
    }

    int i32(int at) {
        return u16(at) << 16 | u16(at + 2);
    }

    Address address(int at) {
        return new Address(i64(at), i64(at + 8));
    }

    private long i64(int at) {
        return (long) i32(at) << 32 | Integer.toUnsignedLong(i32(at + 4));
    }
}

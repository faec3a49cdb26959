package io.pilus.model;

/**
 * A prefix of port numbers.
 *
 * @param protocol the IP protocol, 255 for all that have no entries of their own
 * @param port the first port of the prefix; for ICMP type &lt;&lt; 8 | code
 * @param length 0..16 bits
 */
public record PortKey(int protocol, int port, int length) {

    /** Stands for every protocol other than TCP, UDP, SCTP, ICMP and ICMPv6. */
    public static final int OTHER = 255;

    /** The protocol as tables know it. */
    public static int protocol(int ipProtocol) {
        return switch (ipProtocol) {
            case 1, 6, 17, 58, 132 -> ipProtocol;
            default -> OTHER;
        };
    }

    /** The prefix of this length that holds the port. */
    static PortKey holding(int protocol, int port, int length) {
        return new PortKey(protocol, port & (0xffff << (16 - length)), length);
    }
}

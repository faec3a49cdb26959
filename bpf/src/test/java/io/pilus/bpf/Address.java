package io.pilus.bpf;

import java.nio.ByteBuffer;

/** An address of either family as the datapath holds it: IPv4 is mapped into ::ffff:0:0/96. */
record Address(long high, long low) {

    static final Address ZERO = new Address(0, 0);

    static Address of(String text) {
        ByteBuffer bytes = ByteBuffer.wrap(Frame.address16(text));
        return new Address(bytes.getLong(), bytes.getLong());
    }

    static Address ipv4(int address) {
        return new Address(0, 0xffff_0000_0000L | Integer.toUnsignedLong(address));
    }

    boolean isMapped() {
        return high == 0 && low >>> 32 == 0xffff;
    }

    /** Multicast, broadcast, loopback, link-local or unspecified: nothing that is routed. */
    boolean isLocalScope() {
        if (isMapped()) {
            int first = (int) (low >>> 24) & 0xff;
            return first >= 224 || first == 127 || first == 0 || (low >>> 16 & 0xffff) == 0xa9fe;
        }
        return high >>> 56 == 0xff || high >>> 54 == 0xfe80 >> 6 || (high == 0 && (low == 0 || low == 1));
    }

    /** Whether it lies in the prefix, of as many of 128 bits. */
    boolean isIn(Address prefix, int length) {
        if (length <= 64) {
            return length == 0 || (high ^ prefix.high) >>> (64 - length) == 0;
        }
        return high == prefix.high && (low ^ prefix.low) >>> (128 - length) == 0;
    }

    byte[] bytes() {
        return ByteBuffer.allocate(16).putLong(high).putLong(low).array();
    }
}

package io.pilus.netlink;

import java.util.HexFormat;

/**
 * A link address.
 *
 * @param bits the six bytes as a number, the first byte highest
 */
public record MacAddress(long bits) {

    private static final HexFormat COLONS = HexFormat.ofDelimiter(":");

    public MacAddress {
        if (bits >>> 48 != 0) {
            throw new IllegalArgumentException("a link address has six bytes, not " + Long.toHexString(bits));
        }
    }

    /**
     * @throws IllegalArgumentException when these are not six bytes
     */
    public static MacAddress of(byte[] bytes) {
        if (bytes.length != 6) {
            throw new IllegalArgumentException("a link address has six bytes, not " + bytes.length);
        }
        long bits = 0;
        for (byte b : bytes) {
            bits = bits << 8 | (b & 0xff);
        }
        return new MacAddress(bits);
    }

    /** Reads {@code 02:00:00:00:00:01}. */
    public static MacAddress parse(String text) {
        return of(COLONS.parseHex(text));
    }

    public byte[] toBytes() {
        byte[] bytes = new byte[6];
        for (int i = 0; i < 6; i++) {
            bytes[i] = (byte) (bits >>> (40 - 8 * i));
        }
        return bytes;
    }

    @Override
    public String toString() {
        return COLONS.formatHex(toBytes());
    }
}

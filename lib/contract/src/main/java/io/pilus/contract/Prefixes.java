package io.pilus.contract;

import com.google.protobuf.ByteString;
import io.pilus.contract.v1.Prefix;
import java.net.InetAddress;
import java.net.UnknownHostException;

/** Addresses and CIDR prefixes: text to bytes and back. Nothing here ever asks a name server. */
public final class Prefixes {

    private Prefixes() {}

    /**
     * Reads {@code 10.0.0.0/8} or {@code fd00::/64}.
     *
     * @throws IllegalArgumentException saying what is wrong: not an address, no length, or bits set behind the length
     */
    public static Prefix parse(String text) {
        int slash = text.indexOf('/');
        if (slash < 0) {
            throw new IllegalArgumentException("'" + text + "' has no prefix length; write, for example, 10.0.0.0/24");
        }
        ByteString address = parseAddress(text.substring(0, slash));
        int length;
        try {
            length = Integer.parseInt(text.substring(slash + 1));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("'" + text + "' has no number behind the slash", e);
        }
        if (length < 0 || length > address.size() * 8) {
            throw new IllegalArgumentException(
                    "'" + text + "': the length must be between 0 and " + address.size() * 8);
        }
        Prefix prefix =
                Prefix.newBuilder().setAddress(address).setLength(length).build();
        Prefix masked = mask(address, length);
        if (!masked.equals(prefix)) {
            throw new IllegalArgumentException(
                    "'" + text + "' has bits set behind its length; did you mean " + format(masked) + "?");
        }
        return prefix;
    }

    /**
     * Reads a literal IPv4 or IPv6 address.
     *
     * @return 4 or 16 bytes; an IPv4-mapped IPv6 address is refused
     * @throws IllegalArgumentException when it is none
     */
    public static ByteString parseAddress(String text) {
        try {
            if (text.indexOf(':') >= 0) {
                byte[] bytes = java.net.Inet6Address.ofLiteral(text).getAddress();
                if (bytes.length == 16 && text.indexOf('%') < 0) {
                    return ByteString.copyFrom(bytes);
                }
                throw new IllegalArgumentException("'" + text + "' is not a plain IPv6 address");
            }
            return ByteString.copyFrom(java.net.Inet4Address.ofLiteral(text).getAddress());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("'" + text + "' is not an IP address", e);
        }
    }

    /** The prefix of that length which holds the address. */
    public static Prefix mask(ByteString address, int length) {
        byte[] bytes = address.toByteArray();
        for (int bit = length; bit < bytes.length * 8; bit++) {
            bytes[bit / 8] &= (byte) ~(0x80 >> (bit % 8));
        }
        return Prefix.newBuilder()
                .setAddress(ByteString.copyFrom(bytes))
                .setLength(length)
                .build();
    }

    /** The prefix that holds this address alone. */
    public static Prefix single(ByteString address) {
        return Prefix.newBuilder()
                .setAddress(address)
                .setLength(address.size() * 8)
                .build();
    }

    public static boolean contains(Prefix outer, ByteString address) {
        return outer.getAddress().size() == address.size()
                && mask(address, outer.getLength()).getAddress().equals(outer.getAddress());
    }

    public static boolean contains(Prefix outer, Prefix inner) {
        return inner.getLength() >= outer.getLength() && contains(outer, inner.getAddress());
    }

    public static boolean overlap(Prefix one, Prefix other) {
        return contains(one, other) || contains(other, one);
    }

    public static String format(Prefix prefix) {
        return format(prefix.getAddress()) + "/" + prefix.getLength();
    }

    /** An address in its usual text form (RFC 5952 for IPv6). */
    public static String format(ByteString address) {
        try {
            InetAddress inet = InetAddress.getByAddress(address.toByteArray());
            return inet instanceof java.net.Inet4Address
                    ? inet.getHostAddress()
                    : Ipv6Text.format(address.toByteArray());
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("an address has 4 or 16 bytes, not " + address.size(), e);
        }
    }

    /** A prefix as one part of a key: {@code 10.0.0.0-26}. */
    public static String keyPart(Prefix prefix) {
        return format(prefix.getAddress()) + "-" + prefix.getLength();
    }

    /**
     * The reverse of {@link #keyPart}.
     *
     * @throws IllegalArgumentException when it is none
     */
    public static Prefix parseKeyPart(String part) {
        int dash = part.lastIndexOf('-');
        if (dash < 0) {
            throw new IllegalArgumentException("'" + part + "' is no prefix in a key, such as 10.0.0.0-26");
        }
        return parse(part.substring(0, dash) + "/" + part.substring(dash + 1));
    }

    /** The 16 bytes by which the datapath knows the address: IPv4 is mapped into ::ffff:0:0/96. */
    public static byte[] mapped(ByteString address) {
        if (address.size() == 16) {
            return address.toByteArray();
        }
        byte[] bytes = new byte[16];
        bytes[10] = (byte) 0xff;
        bytes[11] = (byte) 0xff;
        address.copyTo(bytes, 12);
        return bytes;
    }

    /** The length of the prefix once its address is {@link #mapped}. */
    public static int mappedLength(Prefix prefix) {
        return prefix.getAddress().size() == 4 ? 96 + prefix.getLength() : prefix.getLength();
    }

    /** The reverse of {@link #mapped}. */
    public static ByteString unmapped(byte[] address) {
        for (int i = 0; i < 10; i++) {
            if (address[i] != 0) {
                return ByteString.copyFrom(address);
            }
        }
        return address[10] == (byte) 0xff && address[11] == (byte) 0xff
                ? ByteString.copyFrom(address, 12, 4)
                : ByteString.copyFrom(address);
    }
}

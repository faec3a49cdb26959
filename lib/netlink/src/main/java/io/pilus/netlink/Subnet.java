package io.pilus.netlink;

import java.net.InetAddress;
import java.net.UnknownHostException;

/**
 * An address with a prefix length: an interface's address, or a route's destination.
 */
public record Subnet(InetAddress address, int length) {

    public Subnet {
        int bits = address.getAddress().length * 8;
        if (length < 0 || length > bits) {
            throw new IllegalArgumentException(
                    address.getHostAddress() + "/" + length + ": the length must be between 0 and " + bits);
        }
    }

    /** That address alone. */
    public static Subnet host(InetAddress address) {
        return new Subnet(address, address.getAddress().length * 8);
    }

    /** Every address of the family: a default route's destination. */
    public static Subnet all(boolean ipv6) {
        try {
            return new Subnet(InetAddress.getByAddress(new byte[ipv6 ? 16 : 4]), 0);
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    public boolean isIpv6() {
        return address.getAddress().length == 16;
    }

    @Override
    public String toString() {
        return address.getHostAddress() + "/" + length;
    }
}

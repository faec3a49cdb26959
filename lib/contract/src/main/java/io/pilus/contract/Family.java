package io.pilus.contract;

import com.google.protobuf.ByteString;
import io.pilus.contract.v1.Prefix;

/** IPv4 or IPv6. */
public enum Family {
    IPV4("IPv4", 32),
    IPV6("IPv6", 128);

    private final String text;
    private final int bits;

    Family(String text, int bits) {
        this.text = text;
        this.bits = bits;
    }

    /** The family of an address of 4 or 16 bytes. */
    public static Family of(ByteString address) {
        return address.size() == 4 ? IPV4 : IPV6;
    }

    public static Family of(Prefix prefix) {
        return of(prefix.getAddress());
    }

    /** How many bits an address has. */
    public int bits() {
        return bits;
    }

    @Override
    public String toString() {
        return text;
    }
}

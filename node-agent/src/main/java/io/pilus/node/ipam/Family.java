package io.pilus.node.ipam;

import com.google.protobuf.ByteString;
import io.pilus.contract.v1.Prefix;

/** IPv4 or IPv6. */
public enum Family {
    IPV4("IPv4"),
    IPV6("IPv6");

    private final String text;

    Family(String text) {
        this.text = text;
    }

    /** The family of an address of 4 or 16 bytes. */
    public static Family of(ByteString address) {
        return address.size() == 4 ? IPV4 : IPV6;
    }

    public static Family of(Prefix prefix) {
        return of(prefix.getAddress());
    }

    @Override
    public String toString() {
        return text;
    }
}

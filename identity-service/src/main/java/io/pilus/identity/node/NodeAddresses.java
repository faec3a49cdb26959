package io.pilus.identity.node;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.identity.IdentityProblem;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The addresses that a node may have. */
final class NodeAddresses {

    /** How many one node may have; all of them are compared in one transaction. */
    static final int MAX = 16;

    private NodeAddresses() {}

    /**
     * @throws IdentityProblem naming the first that is not the address of one host, or is there twice
     */
    static List<ByteString> parse(List<String> texts) {
        Set<ByteString> addresses = new LinkedHashSet<>();
        for (int i = 0; i < texts.size(); i++) {
            String pointer = "/addresses/" + i;
            ByteString address;
            try {
                address = Prefixes.parseAddress(texts.get(i));
            } catch (IllegalArgumentException e) {
                throw IdentityProblem.invalid(pointer, String.valueOf(e.getMessage()));
            }
            if (!isOfOneHost(address)) {
                throw IdentityProblem.invalid(
                        pointer, "'%s' is not an address by which other nodes reach one host".formatted(texts.get(i)));
            }
            if (!addresses.add(address)) {
                throw IdentityProblem.invalid(pointer, "'%s' is there twice".formatted(texts.get(i)));
            }
        }
        return List.copyOf(addresses);
    }

    private static boolean isOfOneHost(ByteString address) {
        try {
            InetAddress inet = InetAddress.getByAddress(address.toByteArray());
            boolean broadcast = address.size() == 4 && (address.byteAt(0) & 0xf0) == 0xf0;
            return !inet.isAnyLocalAddress()
                    && !inet.isLoopbackAddress()
                    && !inet.isLinkLocalAddress()
                    && !inet.isMulticastAddress()
                    && !broadcast;
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(e);
        }
    }
}

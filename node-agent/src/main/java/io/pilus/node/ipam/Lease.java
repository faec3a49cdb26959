package io.pilus.node.ipam;

import com.google.protobuf.ByteString;
import java.time.Instant;
import java.util.List;

/**
 * The addresses of one interface of one container.
 *
 * @param addresses 4 or 16 bytes each, at most one of each family
 */
public record Lease(Holder holder, String pool, List<ByteString> addresses, Instant since) {
    public Lease {
        addresses = List.copyOf(addresses);
    }
}

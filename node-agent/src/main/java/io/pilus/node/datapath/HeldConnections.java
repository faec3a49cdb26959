package io.pilus.node.datapath;

/**
 * What an endpoint has in the connection table: {@code bpf/lib/bucket.h}.
 *
 * @param opened by it
 * @param received opened to it, by who is not of this node
 */
public record HeldConnections(int opened, int received) {

    static final Layout<HeldConnections> LAYOUT = Layout.<HeldConnections>of("__u64")
            .u64("value", held -> (long) held.received << 32 | Integer.toUnsignedLong(held.opened))
            .read(r -> new HeldConnections((int) r.u64("value"), (int) (r.u64("value") >> 32)));

    public HeldConnections plus(HeldConnections other) {
        return new HeldConnections(opened + other.opened, received + other.received);
    }

    /** What came since an earlier look. */
    public HeldConnections since(HeldConnections earlier) {
        return new HeldConnections(opened - earlier.opened, received - earlier.received);
    }
}

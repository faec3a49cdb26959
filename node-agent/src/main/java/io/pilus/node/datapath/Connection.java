package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;

/**
 * A connection as the datapath remembers it.
 *
 * @param egress how the opener's side was judged, when it is a pod of this node: generation, verdict, rule
 * @param ingress likewise the receiver's
 * @param opener identity at the time of judging
 * @param receiver likewise
 * @param seen when the last packet passed, in units of 2^30 ns since boot
 * @param flags sum of the constants
 */
public record Connection(
        long egress,
        long ingress,
        int opener,
        int receiver,
        int seen,
        int flags,
        long packetsFromOpener,
        long packetsFromReceiver,
        long bytesFromOpener,
        long bytesFromReceiver) {

    /** The opener is the higher of the two addresses in the key. */
    public static final int OPENED_BY_HIGH = 1;

    /** The other side has answered. */
    public static final int REPLIED = 2;

    /** FIN was seen. */
    public static final int CLOSING = 4;

    public static final Layout<Connection> LAYOUT = Layout.<Connection>of("pilus_ct_entry")
            .u64("egress", Connection::egress)
            .u64("ingress", Connection::ingress)
            .u32("opener", Connection::opener)
            .u32("receiver", Connection::receiver)
            .u32("seen", Connection::seen)
            .u32("flags", Connection::flags)
            .u64s("packets", Connection::packetsFromOpener, Connection::packetsFromReceiver)
            .u64s("bytes", Connection::bytesFromOpener, Connection::bytesFromReceiver)
            .read(r -> new Connection(
                    r.u64("egress"),
                    r.u64("ingress"),
                    r.u32("opener"),
                    r.u32("receiver"),
                    r.u32("seen"),
                    r.u32("flags"),
                    r.element("packets", 0),
                    r.element("packets", 1),
                    r.element("bytes", 0),
                    r.element("bytes", 1)));

    /** Whether both say the same of who may do what. */
    public boolean isJudgedLike(Connection other) {
        return egress == other.egress
                && ingress == other.ingress
                && opener == other.opener
                && receiver == other.receiver;
    }

    /**
     * Its two ends, the lower address (then port) first.
     *
     * @param leg 0: as pods see it
     */
    public record Key(ByteString low, ByteString high, int lowPort, int highPort, int protocol, int leg) {

        public static final Layout<Key> LAYOUT = Layout.<Key>of("pilus_ct_key")
                .address("low", Key::low)
                .address("high", Key::high)
                .be16("low_port", Key::lowPort)
                .be16("high_port", Key::highPort)
                .u8("protocol", Key::protocol)
                .u8("leg", Key::leg)
                .zero("zero", 2)
                .read(r -> new Key(
                        Prefixes.unmapped(r.raw("low")),
                        Prefixes.unmapped(r.raw("high")),
                        r.be16("low_port"),
                        r.be16("high_port"),
                        r.u8("protocol"),
                        r.u8("leg")));
    }
}

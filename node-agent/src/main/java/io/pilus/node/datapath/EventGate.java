package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;

/**
 * What the datapath keeps of verdicts of one kind since it last told of them.
 *
 * @param last when it told, in coarse nanoseconds since boot
 * @param pending packets since then
 * @param subject address of the side whose policy was asked
 * @param identity of the peer
 * @param sourcePort of the first packet
 */
public record EventGate(long last, long pending, ByteString subject, int identity, int sourcePort) {

    public static final Layout<EventGate> LAYOUT = Layout.<EventGate>of("pilus_event_gate")
            .u64("last", EventGate::last)
            .u64("pending", EventGate::pending)
            .address("subject", EventGate::subject)
            .u32("identity", EventGate::identity)
            .u16("source_port", EventGate::sourcePort)
            .zero("zero", 2)
            .read(r -> new EventGate(
                    r.u64("last"),
                    r.u64("pending"),
                    Prefixes.unmapped(r.raw("subject")),
                    r.u32("identity"),
                    r.u16("source_port")));

    /**
     * A kind of verdict.
     *
     * @param port the destination's; of ICMP: type * 256 + code
     * @param direction whose policy was asked: 1 ingress, 2 egress
     * @param flags as of {@link Event}
     */
    public record Key(
            ByteString peer, int endpoint, int rule, int port, int protocol, int verdict, int direction, int flags) {

        public static final Layout<Key> LAYOUT = Layout.<Key>of("pilus_event_key")
                .address("peer", Key::peer)
                .u32("endpoint", Key::endpoint)
                .u32("rule", Key::rule)
                .u16("port", Key::port)
                .u8("protocol", Key::protocol)
                .u8("verdict", Key::verdict)
                .u8("direction", Key::direction)
                .u8("flags", Key::flags)
                .zero("zero", 2)
                .read(r -> new Key(
                        Prefixes.unmapped(r.raw("peer")),
                        r.u32("endpoint"),
                        r.u32("rule"),
                        r.u16("port"),
                        r.u8("protocol"),
                        r.u8("verdict"),
                        r.u8("direction"),
                        r.u8("flags")));

        /** What the datapath would have told, had one more such packet come. */
        public Event event(EventGate gate, long time) {
            boolean subjectSends = Event.subjectSends(direction, flags);
            return new Event(
                    time,
                    subjectSends ? gate.subject() : peer,
                    subjectSends ? peer : gate.subject(),
                    gate.sourcePort(),
                    port,
                    protocol,
                    verdict,
                    direction,
                    flags,
                    endpoint,
                    gate.identity(),
                    rule,
                    (int) Math.min(gate.pending(), Integer.MAX_VALUE));
        }
    }
}

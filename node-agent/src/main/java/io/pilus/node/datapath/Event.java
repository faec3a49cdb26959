package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;

/**
 * What the datapath tells of a packet and those like it.
 *
 * @param time nanoseconds since boot
 * @param destinationPort of ICMP: type * 256 + code
 * @param verdict {@link Verdict#number}
 * @param direction whose policy was asked: 1 ingress, 2 egress
 * @param flags sum of the constants
 * @param endpoint number of the one whose policy was asked
 * @param peer identity of the other side
 * @param packets for how many it stands
 */
public record Event(
        long time,
        ByteString source,
        ByteString destination,
        int sourcePort,
        int destinationPort,
        int protocol,
        int verdict,
        int direction,
        int flags,
        int endpoint,
        int peer,
        int rule,
        int packets) {

    /** The packet travels against the direction in which the connection was opened. */
    public static final int REPLY = 1;

    private static final int INGRESS = 1;

    public static final Layout<Event> LAYOUT = Layout.<Event>of("pilus_event")
            .u64("time", Event::time)
            .address("source", Event::source)
            .address("destination", Event::destination)
            .u16("source_port", Event::sourcePort)
            .u16("destination_port", Event::destinationPort)
            .u8("protocol", Event::protocol)
            .u8("verdict", Event::verdict)
            .u8("direction", Event::direction)
            .u8("flags", Event::flags)
            .u32("endpoint", Event::endpoint)
            .u32("peer", Event::peer)
            .u32("rule", Event::rule)
            .u32("packets", Event::packets)
            .read(r -> new Event(
                    r.u64("time"),
                    Prefixes.unmapped(r.raw("source")),
                    Prefixes.unmapped(r.raw("destination")),
                    r.u16("source_port"),
                    r.u16("destination_port"),
                    r.u8("protocol"),
                    r.u8("verdict"),
                    r.u8("direction"),
                    r.u8("flags"),
                    r.u32("endpoint"),
                    r.u32("peer"),
                    r.u32("rule"),
                    r.u32("packets")));

    /** Of the packet, the subject is the sender when the policy asked is its egress, or when it replies. */
    public boolean subjectSends() {
        return subjectSends(direction, flags);
    }

    static boolean subjectSends(int direction, int flags) {
        return (direction == INGRESS) == ((flags & REPLY) != 0);
    }
}

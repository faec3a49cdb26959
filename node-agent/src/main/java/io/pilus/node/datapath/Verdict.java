package io.pilus.node.datapath;

import java.util.HashMap;
import java.util.Map;

/** Why a packet was forwarded or dropped: {@code enum pilus_verdict} of {@code pilus/verdict.h}. */
public enum Verdict {
    /** An allow rule matched. */
    ALLOW_POLICY(0),
    /** No policy isolates the subject. */
    ALLOW_DEFAULT(1),
    /** A node and its own pods. */
    ALLOW_NODE(2),
    /** Reserved: a pod and its own address. */
    ALLOW_SELF(3),
    /** An open connection: never told. */
    ALLOW_ESTABLISHED(4),
    /** An ICMP error about an open connection. */
    ALLOW_RELATED(5),
    /** Isolated, and no rule allows it. */
    DROP_POLICY(16),
    /** A deny rule matched. */
    DROP_POLICY_DENY(17),
    /** The peer's identity is not known yet. */
    DROP_UNRESOLVED(18),
    /** The endpoint's policy is not here yet. */
    DROP_NO_TABLE(19),
    /** Not an address of the sender. */
    DROP_SPOOFED_SOURCE(20),
    /** Not the sender's link address. */
    DROP_SPOOFED_MAC(21),
    /** ::ffff:0:0/96 inside IPv6. */
    DROP_MAPPED_ADDRESS(22),
    /** The headers do not fit the packet. */
    DROP_TRUNCATED(23),
    /** Headers that contradict themselves. */
    DROP_INVALID(24),
    /** Neither IPv4 nor IPv6 nor what they need. */
    DROP_NOT_IP(25),
    /** Link-local, multicast, DHCP, RA, .... */
    DROP_LINK_LOCAL(26),
    /** Its first fragment was not seen. */
    DROP_FRAGMENT_UNKNOWN(27),
    /** Splits the transport header. */
    DROP_FRAGMENT_TINY(28),
    /** An error about no known connection. */
    DROP_ICMP_UNRELATED(29),
    /** A pod speaks to the tunnel port. */
    DROP_TUNNEL_PORT(30),
    /** Tunnelled from no known node. */
    DROP_TUNNEL_NODE(31),
    /** A VNI that a node may not send. */
    DROP_TUNNEL_IDENTITY(32),
    /** An inner source it may not send. */
    DROP_TUNNEL_SOURCE(33),
    /** From outside with this node's address. */
    DROP_NODE_SOURCE(34),
    /** A pool's address, not by the tunnel. */
    DROP_POOL_SOURCE(35),
    /** Inside a pool, and nobody holds it. */
    DROP_NO_ENDPOINT(36),
    /** Answered with an ICMP error. */
    DROP_TOO_BIG(37),
    /** The endpoint opens connections too fast. */
    DROP_RATE(38),
    /** The kernel refused the tunnel key. */
    DROP_ENCAPSULATION(39),
    /** IPv6 extension headers not understood. */
    DROP_EXTENSION(40),
    /** The interface is not an endpoint's. */
    DROP_NO_INTERFACE(41);

    private static final Map<Integer, Verdict> BY_NUMBER = new HashMap<>();

    static {
        for (Verdict verdict : values()) {
            BY_NUMBER.put(verdict.number, verdict);
        }
    }

    private final int number;

    Verdict(int number) {
        this.number = number;
    }

    /** Its number in the datapath. */
    public int number() {
        return number;
    }

    public boolean isDrop() {
        return name().startsWith("DROP");
    }

    /**
     * @throws IllegalArgumentException when this agent knows no such verdict
     */
    public static Verdict of(int number) {
        Verdict verdict = BY_NUMBER.get(number);
        if (verdict == null) {
            throw new IllegalArgumentException("no verdict has the number " + number);
        }
        return verdict;
    }
}

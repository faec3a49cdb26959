package io.pilus.bpf;

/** The numbers of enum pilus_verdict that tests ask for. */
final class Verdicts {

    static final int ALLOW_POLICY = 0;
    static final int ALLOW_DEFAULT = 1;
    static final int ALLOW_NODE = 2;
    static final int ALLOW_ESTABLISHED = 4;
    static final int ALLOW_RELATED = 5;
    static final int DROP_POLICY = 16;
    static final int DROP_POLICY_DENY = 17;
    static final int DROP_UNRESOLVED = 18;
    static final int DROP_NO_TABLE = 19;
    static final int DROP_SPOOFED_SOURCE = 20;
    static final int DROP_SPOOFED_MAC = 21;
    static final int DROP_MAPPED_ADDRESS = 22;
    static final int DROP_TRUNCATED = 23;
    static final int DROP_INVALID = 24;
    static final int DROP_NOT_IP = 25;
    static final int DROP_LINK_LOCAL = 26;
    static final int DROP_FRAGMENT_UNKNOWN = 27;
    static final int DROP_FRAGMENT_TINY = 28;
    static final int DROP_ICMP_UNRELATED = 29;
    static final int DROP_TUNNEL_PORT = 30;
    static final int DROP_TUNNEL_NODE = 31;
    static final int DROP_TUNNEL_IDENTITY = 32;
    static final int DROP_TUNNEL_SOURCE = 33;
    static final int DROP_NODE_SOURCE = 34;
    static final int DROP_POOL_SOURCE = 35;
    static final int DROP_NO_ENDPOINT = 36;
    static final int DROP_TOO_BIG = 37;
    static final int DROP_EXTENSION = 40;
    static final int DROP_NO_INTERFACE = 41;

    private Verdicts() {}
}

package io.pilus.bpf;

import io.pilus.libbpf.BpfMap;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A small world as one node knows it: four pods here and some elsewhere, three nodes, pools with blocks, and policies.
 * {@link PacketModel} reasons about it, and {@link #install} tells it to the kernel.
 */
final class World {

    static final int LOOPBACK = 1;
    static final int REMOTE_NODE = 6;
    static final int WORLD = 2;
    static final int KNOWN = 400;
    static final int NOT_KNOWN_YET = 401;

    static final Address NODE = Address.of("192.168.0.1");
    static final Address NODE_IPV6 = Address.of("fd99::1");
    static final Address SECOND_NODE = Address.of("192.168.0.2");
    static final Address THIRD_NODE = Address.of("192.168.0.3");
    static final Address NODE_BY_IPV6 = Address.of("fd99::4");

    static final byte[] TUNNEL_MAC = Frame.mac6("02:00:00:00:00:f1");
    static final byte[] HOST_MAC = Frame.mac6("02:00:00:00:00:aa");
    static final byte[] FAR_TUNNEL_MAC = Frame.mac6("02:00:00:00:00:f2");
    static final byte[] GATEWAY_MAC = Frame.mac6(Datapath.GATEWAY);

    private static final int RANGE_IS_POOL = 1;
    private static final int RANGE_IS_BLOCK = 2;
    private static final int RANGE_IS_HERE = 4;
    private static final int ADDRESSES = 1;
    private static final int MANAGED = 1;
    private static final int UNMANAGED = 2;
    private static final int UNRESOLVED = -2; // stands for every identity that is not known
    private static final int CLUSTER = -3; // and for every other one that no rule names

    /** A pod of this node. */
    record Pod(int number, int identity, int slot, Address ipv4, Address ipv6, byte[] mac) {}

    enum Kind {
        LOCAL(1),
        REMOTE(2),
        NODE(4),
        THIS_NODE(8);

        private final int flag;

        Kind(int flag) {
            this.flag = flag;
        }
    }

    /** Somebody at an address. */
    record Holder(
            Kind kind,
            int identity,
            Address node,
            byte[] mac,
            @Nullable Pod pod) {}

    record Range(Address prefix, int length, boolean block, boolean here, Address node) {}

    /**
     * A rule of a policy: of all that match, the lowest rank wins, and at equal rank a denial.
     *
     * @param identity of the peer; -1: any, 0 with a CIDR
     * @param cidr of the peer's address; null: by identity
     * @param protocol -1: any
     * @param port -1: any
     */
    record Rule(
            int direction,
            int identity,
            @Nullable Address cidr,
            int length,
            boolean managed,
            int protocol,
            int port,
            int rank,
            int action,
            int number) {

        boolean matches(int direction, Peer peer, int protocol, int port) {
            return this.direction == direction
                    && (this.protocol == -1 || this.protocol == protocol)
                    && (this.port == -1 || this.port == port)
                    && (cidr == null
                            ? this.identity == -1 || this.identity == peer.identity
                            : this.managed == peer.managed && peer.address.isIn(cidr, length));
        }
    }

    record Policy(int number, int ingressDefault, int egressDefault, List<Rule> rules) {}

    /** What a policy says of a packet. */
    record Judgement(int verdict, int rule) {}

    final List<Pod> pods = new ArrayList<>();
    final Map<Address, Holder> holders = new HashMap<>();
    final List<Range> ranges = new ArrayList<>();
    final Map<Integer, Policy> policies = new HashMap<>();
    final Map<Integer, Integer> tableOfSlot = new HashMap<>();
    final Map<Integer, Integer> generationOfSlot = new HashMap<>();
    final Set<Integer> knownIdentities = new TreeSet<>();
    final boolean tunnelled;
    private int generations;

    World(boolean tunnelled) {
        this.tunnelled = tunnelled;
        pod(1, 300, 1, "10.0.0.2", "fd00::2");
        pod(2, 301, 2, "10.0.0.3", "fd00::3");
        pod(3, 302, 3, "10.0.0.4", null);
        pod(4, 303, 0, "10.0.0.5", "fd00::5");
        remote("10.1.0.2", KNOWN, SECOND_NODE);
        remote("fd00:0:0:1::2", KNOWN, SECOND_NODE);
        remote("10.2.0.2", NOT_KNOWN_YET, THIRD_NODE);
        remote("10.4.0.2", KNOWN, NODE_BY_IPV6);
        for (Address here : List.of(NODE, NODE_IPV6)) {
            holders.put(here, new Holder(Kind.THIS_NODE, 1, Address.ZERO, new byte[6], null));
        }
        for (Address node : List.of(SECOND_NODE, THIRD_NODE, NODE_BY_IPV6)) {
            holders.put(node, new Holder(Kind.NODE, REMOTE_NODE, node, FAR_TUNNEL_MAC, null));
        }
        range("10.0.0.0", 96 + 8, false, false, Address.ZERO);
        range("10.0.0.0", 96 + 24, true, true, NODE);
        range("10.1.0.0", 96 + 24, true, false, SECOND_NODE);
        range("10.4.0.0", 96 + 24, true, false, NODE_BY_IPV6);
        range("fd00::", 32, false, false, Address.ZERO);
        range("fd00::", 64, true, true, NODE);
        range("fd00:0:0:1::", 64, true, false, SECOND_NODE);
        knownIdentities.addAll(List.of(1, WORLD, REMOTE_NODE, 300, 301, 302, 303, KNOWN));
        policies.put(1, new Policy(1, Datapath.DEFAULT_ALLOW, Datapath.DEFAULT_ALLOW, List.of()));
        policies.put(2, strict());
        policies.put(3, byAddress());
        policies.put(4, new Policy(4, Datapath.DEFAULT_DENY, Datapath.DEFAULT_DENY, List.of()));
        point(1, 1);
        point(2, 2);
        point(3, 3);
    }

    private static Policy strict() {
        return new Policy(
                2,
                Datapath.DEFAULT_DENY,
                Datapath.DEFAULT_DENY,
                List.of(
                        rule(Datapath.INGRESS, 300, Frame.TCP, 80, 10, Datapath.ALLOW, 21),
                        rule(Datapath.INGRESS, 300, Frame.UDP, -1, 10, Datapath.ALLOW, 22),
                        rule(Datapath.INGRESS, 300, Frame.UDP, 53, 5, Datapath.DENY, 23),
                        rule(Datapath.INGRESS, -1, Frame.ICMP, 8 << 8, 10, Datapath.ALLOW, 24),
                        rule(Datapath.INGRESS, -1, Frame.ICMPV6, 128 << 8, 10, Datapath.ALLOW, 25),
                        rule(Datapath.INGRESS, KNOWN, -1, -1, 10, Datapath.ALLOW, 26),
                        rule(Datapath.EGRESS, -1, Frame.UDP, 53, 10, Datapath.ALLOW, 27),
                        rule(Datapath.EGRESS, 300, Frame.ICMP, 13 << 8, 10, Datapath.ALLOW, 28),
                        rule(Datapath.EGRESS, KNOWN, Frame.TCP, 443, 10, Datapath.ALLOW, 29),
                        rule(Datapath.EGRESS, REMOTE_NODE, -1, -1, 20, 5, 30)));
    }

    private static Policy byAddress() {
        return new Policy(
                3,
                Datapath.DEFAULT_DENY,
                Datapath.DEFAULT_ALLOW,
                List.of(
                        rule(Datapath.INGRESS, -1, Frame.TCP, -1, 50, Datapath.ALLOW, 31),
                        cidr(Datapath.INGRESS, "8.8.8.0", 96 + 24, false, Frame.TCP, 80, 20, Datapath.DENY, 32),
                        cidr(Datapath.INGRESS, "9.9.9.0", 96 + 24, false, -1, -1, 50, Datapath.ALLOW, 33),
                        cidr(Datapath.EGRESS, "10.1.0.0", 96 + 16, true, -1, -1, 50, Datapath.DENY, 34),
                        rule(Datapath.EGRESS, 300, Frame.TCP, 80, 50, Datapath.ALLOW, 35)));
    }

    private static Rule rule(int direction, int identity, int protocol, int port, int rank, int action, int number) {
        return new Rule(direction, identity, null, 0, false, protocol, port, rank, action, number);
    }

    private static Rule cidr(
            int direction,
            String prefix,
            int length,
            boolean managed,
            int protocol,
            int port,
            int rank,
            int action,
            int number) {
        return new Rule(direction, 0, Address.of(prefix), length, managed, protocol, port, rank, action, number);
    }

    private void pod(int number, int identity, int slot, String ipv4, @Nullable String ipv6) {
        byte[] mac = Frame.mac6("02:00:00:00:01:0" + number);
        Address six = ipv6 == null ? Address.ZERO : Address.of(ipv6);
        var pod = new Pod(number, identity, slot, Address.of(ipv4), six, mac);
        var holder = new Holder(Kind.LOCAL, identity, Address.ZERO, mac, pod);
        pods.add(pod);
        holders.put(pod.ipv4, holder);
        if (ipv6 != null) {
            holders.put(six, holder);
        }
    }

    private void remote(String address, int identity, Address node) {
        holders.put(Address.of(address), new Holder(Kind.REMOTE, identity, node, FAR_TUNNEL_MAC, null));
    }

    private void range(String prefix, int length, boolean block, boolean here, Address node) {
        ranges.add(new Range(Address.of(prefix), length, block, here, node));
    }

    /** Points a slot at another table, under a new generation. */
    void point(int slot, int table) {
        tableOfSlot.put(slot, table);
        generationOfSlot.put(slot, ++generations);
    }

    /** The block, or else the pool, that an address lies in. */
    @Nullable
    Range rangeOf(Address address) {
        return ranges.stream()
                .filter(range -> address.isIn(range.prefix, range.length))
                .max(Comparator.comparingInt(Range::length))
                .orElse(null);
    }

    /** Walks the rules. */
    Judgement judge(int slot, int direction, Peer peer, int protocol, int port) {
        Policy policy = policies.get(tableOfSlot.getOrDefault(slot, 0));
        if (policy == null) {
            return new Judgement(Verdicts.DROP_NO_TABLE, 0);
        }
        Rule best = best(policy.rules, direction, peer, protocol, port);
        int action = best != null
                ? best.action
                : direction == Datapath.EGRESS ? policy.egressDefault : policy.ingressDefault;
        int number = best != null ? best.number : (direction == Datapath.EGRESS ? 2000 : 1000) + policy.number;
        int verdict = switch (action) {
            case Datapath.ALLOW -> Verdicts.ALLOW_POLICY;
            case Datapath.DENY -> Verdicts.DROP_POLICY_DENY;
            case Datapath.DEFAULT_ALLOW -> Verdicts.ALLOW_DEFAULT;
            case Datapath.DEFAULT_DENY ->
                knownIdentities.contains(peer.identity) ? Verdicts.DROP_POLICY : Verdicts.DROP_UNRESOLVED;
            default -> Verdicts.ALLOW_NODE;
        };
        return new Judgement(verdict, number);
    }

    private static @Nullable Rule best(List<Rule> rules, int direction, Peer peer, int protocol, int port) {
        Rule best = null;
        for (Rule rule : rules) {
            if (rule.matches(direction, peer, protocol, port)
                    && (best == null
                            || rule.rank < best.rank
                            || (rule.rank == best.rank && rule.action == Datapath.DENY))) {
                best = rule;
            }
        }
        return best;
    }

    /** The far end, as a policy sees it. */
    record Peer(int identity, Address address, boolean managed) {}

    // ---- the same, for the kernel

    void install(Datapath datapath) {
        holders.forEach((address, holder) -> destination(datapath, address, holder));
        for (Range range : ranges) {
            int flags = RANGE_IS_POOL | (range.block ? RANGE_IS_BLOCK : 0) | (range.here ? RANGE_IS_HERE : 0);
            ByteBuffer key = Datapath.struct(20).putInt(range.length).put(range.prefix.bytes());
            ByteBuffer value = Datapath.struct(24)
                    .put(range.node.bytes())
                    .put(FAR_TUNNEL_MAC)
                    .putShort((short) flags);
            datapath.map("ranges_v1").update(key.array(), value.array());
        }
        knownIdentities.forEach(datapath::known);
        policies.values().forEach(policy -> install(datapath, policy));
        tableOfSlot.keySet().forEach(slot -> installSlot(datapath, slot));
    }

    void installSlot(Datapath datapath, int slot) {
        long word = (long) generationOfSlot.getOrDefault(slot, 0) << 32 | tableOfSlot.getOrDefault(slot, 0);
        datapath.map("slots_v1")
                .update(Datapath.int4(slot), Datapath.struct(8).putLong(word).array());
    }

    /** Whose interface the next packets come from; null: nobody's. */
    static void installSender(Datapath datapath, @Nullable Pod pod) {
        BpfMap endpoints = datapath.map("endpoints_v1");
        if (pod == null) {
            endpoints.delete(Datapath.int4(LOOPBACK));
            return;
        }
        ByteBuffer endpoint = Datapath.struct(60)
                .put(pod.ipv4.bytes())
                .put(pod.ipv6.bytes())
                .putInt(pod.number)
                .putInt(pod.identity)
                .putInt(pod.slot)
                .put(pod.mac)
                .put(GATEWAY_MAC)
                .putInt(1450);
        endpoints.update(Datapath.int4(LOOPBACK), endpoint.array());
    }

    private static void destination(Datapath datapath, Address address, Holder holder) {
        ByteBuffer value = Datapath.struct(40).put(holder.node.bytes()).putInt(holder.identity);
        if (holder.pod != null) {
            value.putInt(LOOPBACK).putInt(holder.pod.slot).putInt(holder.pod.number);
        }
        value.position(32).put(holder.mac).putShort((short) holder.kind.flag);
        datapath.map("destinations_v1").update(address.bytes(), value.array());
    }

    /** One class for each identity, port and prefix that a rule names; each pair's cell by walking the rules. */
    private void install(Datapath datapath, Policy policy) {
        int table = policy.number;
        Map<Integer, Integer> peers = new HashMap<>(Map.of(UNRESOLVED, 0, CLUSTER, 1));
        Map<List<Integer>, Integer> ports = new HashMap<>(Map.of(List.of(-1, -1), 0));
        Map<List<Object>, Integer> prefixes = new HashMap<>();
        int lengths = 0;
        for (Rule rule : policy.rules) {
            if (rule.cidr == null && rule.identity >= 0) {
                peers.putIfAbsent(rule.identity, peers.size());
            }
            if (rule.cidr != null) {
                prefixes.putIfAbsent(List.of(rule.cidr, rule.length), prefixes.size() + 1);
            }
            if (rule.protocol >= 0) {
                ports.putIfAbsent(List.of(rule.protocol, rule.port), ports.size());
                lengths |= rule.port < 0 ? 1 : 1 << 16;
            }
        }
        peers.forEach((identity, peer) -> {
            if (identity >= 0) {
                datapath.peerClass(table, identity, peer);
            }
        });
        ports.forEach((port, portClass) -> {
            if (port.getFirst() >= 0) {
                datapath.portClass(
                        table, port.getFirst(), Math.max(0, port.getLast()), port.getLast() < 0 ? 0 : 16, portClass);
            }
        });
        prefixes.forEach((prefix, addressClass) -> {
            ByteBuffer key = Datapath.struct(24)
                    .putInt(32 + (int) prefix.getLast())
                    .putInt(table)
                    .put(((Address) prefix.getFirst()).bytes());
            datapath.map("address_classes_v1").update(key.array(), Datapath.int4(addressClass));
        });
        List<Rule> byIdentity =
                policy.rules.stream().filter(rule -> rule.cidr == null).toList();
        List<Rule> byAddress =
                policy.rules.stream().filter(rule -> rule.cidr != null).toList();
        for (int direction : new int[] {Datapath.INGRESS, Datapath.EGRESS}) {
            ports.forEach((port, portClass) -> {
                peers.forEach((identity, peer) -> {
                    var one = new Peer(identity, Address.ZERO, true);
                    Rule best = best(byIdentity, direction, one, port.getFirst(), port.getLast());
                    cell(datapath, table, peer, portClass, direction, 0, best);
                });
                prefixes.forEach((prefix, in) -> {
                    for (boolean managed : new boolean[] {true, false}) {
                        var one = new Peer(0, (Address) prefix.getFirst(), managed);
                        Rule best = best(byAddress, direction, one, port.getFirst(), port.getLast());
                        cell(datapath, table, in, portClass, direction, managed ? MANAGED : UNMANAGED, best);
                    }
                });
            });
        }
        datapath.table(table, policy.ingressDefault, policy.egressDefault, prefixes.isEmpty() ? 0 : ADDRESSES, lengths);
    }

    private static void cell(
            Datapath datapath, int table, int peer, int port, int direction, int half, @Nullable Rule rule) {
        if (rule != null) {
            datapath.cell(table, peer, port, direction, half, rule.rank, rule.action, rule.number);
        }
    }
}

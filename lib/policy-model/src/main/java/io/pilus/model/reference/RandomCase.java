package io.pilus.model.reference;

import com.google.protobuf.ByteString;
import io.pilus.contract.Identities;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.PeerSet;
import io.pilus.contract.v1.PortRange;
import io.pilus.contract.v1.Prefix;
import io.pilus.contract.v1.Protocol;
import io.pilus.contract.v1.Rule;
import io.pilus.contract.v1.Tier;
import io.pilus.model.AppliedPolicy;
import io.pilus.model.Direction;
import io.pilus.model.PeerIndex;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

/**
 * Random policies, identities and packets from a seed, made so that they meet: few labels, nested blocks, touching ranges of
 * ports; packets lie on the borders of what the rules name.
 */
public final class RandomCase {

    private static final List<Protocol> PROTOCOLS = List.of(
            Protocol.PROTOCOL_TCP,
            Protocol.PROTOCOL_UDP,
            Protocol.PROTOCOL_SCTP,
            Protocol.PROTOCOL_ICMP,
            Protocol.PROTOCOL_ICMPV6);
    private static final int SETS = 6;
    private static final int UNKNOWN = 5000;

    private final Random random;
    private final PeerIndex peers = new PeerIndex();
    private final TreeMap<Integer, Set<String>> identities = new TreeMap<>();
    private final List<String> identitySets = new ArrayList<>();
    private final List<String> addressSets = new ArrayList<>();
    private final List<Integer> portBorders = new ArrayList<>(List.of(0, 0xffff));
    private final List<ByteString> addressBorders =
            new ArrayList<>(List.of(Prefixes.parseAddress("10.0.0.1"), Prefixes.parseAddress("fd00::1")));
    private final List<AppliedPolicy> policies = new ArrayList<>();
    private long revision = 1;

    public RandomCase(long seed) {
        random = new Random(seed);
        for (int i = 0; i < SETS; i++) {
            identitySets.add("identities-" + i);
            peers.putSet("identities-" + i, PeerSet.getDefaultInstance(), revision);
        }
        int blocks = random.nextInt(8);
        for (int i = 0; i < blocks; i++) {
            addressSets.add("block-" + i);
            peers.putSet(
                    "block-" + i, PeerSet.newBuilder().setAddresses(addresses()).build(), revision);
        }
        int members = random.nextInt(12);
        for (int i = 0; i < members; i++) {
            put(Identities.FIRST + i, someSets());
        }
        int documents = random.nextInt(6);
        for (int i = 0; i < documents; i++) {
            policies.add(new AppliedPolicy("policy-" + i, policy("document-" + i)));
        }
    }

    public List<AppliedPolicy> policies() {
        return policies;
    }

    public PeerIndex peers() {
        return peers;
    }

    /** A new identity, or one with other sets; an identity that was there already is as likely. */
    public int putSomeIdentity() {
        int identity = Identities.FIRST + random.nextInt(16);
        put(identity, someSets());
        return identity;
    }

    /** One that is there goes; 0 when there is none. */
    public int removeSomeIdentity() {
        if (identities.isEmpty()) {
            return 0;
        }
        int identity = List.copyOf(identities.keySet()).get(random.nextInt(identities.size()));
        identities.remove(identity);
        peers.removeIdentity(identity);
        return identity;
    }

    public Packet packet() {
        int identity = switch (random.nextInt(8)) {
            case 0 -> Identities.WORLD;
            case 1 -> Identities.HOST;
            case 2 -> UNKNOWN;
            case 3 -> Identities.REMOTE_NODE;
            default -> Identities.FIRST + random.nextInt(16);
        };
        int port = portBorders.get(random.nextInt(portBorders.size())) + random.nextInt(3) - 1;
        int protocol = random.nextInt(6) == 0
                ? 47
                : PROTOCOLS.get(random.nextInt(PROTOCOLS.size())).getNumber();
        return new Packet(
                random.nextBoolean() ? Direction.INGRESS : Direction.EGRESS,
                identity,
                peers.isKnown(identity),
                addressBorders.get(random.nextInt(addressBorders.size())),
                random.nextBoolean(),
                protocol,
                Math.clamp(port, 0, 0xffff));
    }

    private void put(int identity, Set<String> sets) {
        identities.put(identity, sets);
        peers.putIdentity(identity, List.copyOf(sets), ++revision);
    }

    private Set<String> someSets() {
        Set<String> some = new HashSet<>();
        identitySets.forEach(set -> {
            if (random.nextInt(3) == 0) {
                some.add(set);
            }
        });
        return some;
    }

    private CompiledPolicy policy(String name) {
        var policy = CompiledPolicy.newBuilder()
                .setKind("NetworkPolicy")
                .setNamespace("shop")
                .setName(name)
                .setTier(
                        switch (random.nextInt(5)) {
                            case 0 -> Tier.TIER_ADMIN;
                            case 1 -> Tier.TIER_BASELINE;
                            default -> Tier.TIER_NAMESPACE;
                        })
                .setPriority(random.nextInt(3))
                .setIsolatesIngress(random.nextInt(3) == 0)
                .setIsolatesEgress(random.nextInt(3) == 0);
        int rules = random.nextInt(5);
        for (int i = 0; i < rules; i++) {
            policy.addRules(rule(i));
        }
        return policy.build();
    }

    private Rule rule(int index) {
        boolean ingress = random.nextBoolean();
        var rule = Rule.newBuilder()
                .setPath((ingress ? "ingress[" : "egress[") + index + "]")
                .setDirection(
                        ingress
                                ? io.pilus.contract.v1.Direction.DIRECTION_INGRESS
                                : io.pilus.contract.v1.Direction.DIRECTION_EGRESS)
                .setAction(random.nextInt(3) == 0 ? Action.ACTION_DENY : Action.ACTION_ALLOW)
                .setNoPort(random.nextInt(12) == 0);
        List<String> sets = random.nextInt(3) == 0 ? addressSets : identitySets;
        if (random.nextInt(4) == 0) {
            rule.setAnyPeer(true);
        } else {
            int count = random.nextInt(3);
            for (int i = 0; i < count && !sets.isEmpty(); i++) {
                rule.addPeerSets(sets.get(random.nextInt(sets.size())));
            }
        }
        int ranges = random.nextInt(4);
        for (int i = 0; i < ranges; i++) {
            rule.addPorts(ports());
        }
        return rule.build();
    }

    private PortRange ports() {
        int first;
        int last;
        switch (random.nextInt(4)) {
            case 0 -> {
                first = 0;
                last = 0xffff;
            }
            case 1 -> {
                first = 75 + random.nextInt(10);
                last = first;
            }
            default -> {
                first = random.nextInt(random.nextBoolean() ? 200 : 0x10000);
                last = Math.min(0xffff, first + random.nextInt(random.nextBoolean() ? 50 : 0x10000));
            }
        }
        portBorders.add(first);
        portBorders.add(last);
        return PortRange.newBuilder()
                .setProtocol(PROTOCOLS.get(random.nextInt(PROTOCOLS.size())))
                .setFirst(first)
                .setLast(last)
                .build();
    }

    private Addresses addresses() {
        boolean ipv4 = random.nextInt(3) != 0;
        ByteString base =
                Prefixes.parseAddress(ipv4 ? "10." + random.nextInt(2) + ".0.0" : "fd00:" + random.nextInt(2) + "::");
        Prefix cidr = Prefixes.mask(base, ipv4 ? 4 * random.nextInt(9) : 16 * random.nextInt(9));
        remember(cidr);
        var addresses = Addresses.newBuilder().setCidr(cidr).setUnmanagedOnly(random.nextInt(4) == 0);
        int excepts = random.nextInt(3);
        for (int i = 0; i < excepts; i++) {
            Prefix except = Prefixes.mask(
                    base, Math.min(base.size() * 8, cidr.getLength() + 1 + random.nextInt(ipv4 ? 8 : 32)));
            if (except.getLength() > cidr.getLength()) {
                remember(except);
                addresses.addExcept(except);
            }
        }
        return addresses.build();
    }

    /** Its first and last address, and those beside it. */
    private void remember(Prefix prefix) {
        int size = prefix.getAddress().size();
        var first = new BigInteger(1, prefix.getAddress().toByteArray());
        BigInteger behind = first.add(BigInteger.ONE.shiftLeft(8 * size - prefix.getLength()));
        for (BigInteger address :
                List.of(first, first.subtract(BigInteger.ONE), behind, behind.subtract(BigInteger.ONE))) {
            if (address.signum() >= 0 && address.bitLength() <= 8 * size) {
                byte[] bytes = address.toByteArray();
                byte[] padded = new byte[size];
                int length = Math.min(bytes.length, size);
                System.arraycopy(bytes, bytes.length - length, padded, size - length, length);
                addressBorders.add(ByteString.copyFrom(padded));
            }
        }
        addressBorders.add(ByteString.copyFrom(Arrays.copyOf(prefix.getAddress().toByteArray(), size)));
    }
}

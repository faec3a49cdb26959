package io.pilus.node.policy;

import static io.pilus.contract.Prefixes.parseAddress;

import io.pilus.contract.Identities;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.PeerSet;
import io.pilus.contract.v1.PortRange;
import io.pilus.contract.v1.Protocol;
import io.pilus.contract.v1.Rule;
import io.pilus.contract.v1.Tier;
import io.pilus.model.AppliedPolicy;
import io.pilus.model.Compilation;
import io.pilus.model.Direction;
import io.pilus.model.PeerIndex;
import io.pilus.model.RuleNumbers;
import io.pilus.model.TableCompiler;
import io.pilus.model.VerdictTable;
import io.pilus.model.reference.Packet;
import io.pilus.node.state.ClusterFixture;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.roaringbitmap.RoaringBitmap;

/** A cluster that changes at random, and what each subject's table should then be. */
final class PolicyWorld {
    private static final int IDENTITIES = 12;
    private final Random random;
    private final Map<Integer, IdentityPolicy> identities = new TreeMap<>();
    private final Map<Integer, Long> identityRevisions = new HashMap<>();
    private final Map<String, PeerSet> sets = new TreeMap<>();
    private final Map<String, Long> setRevisions = new HashMap<>();
    private final Map<String, CompiledPolicy> policies = new TreeMap<>();
    private final Set<Integer> subjects = new HashSet<>();
    private long revision = 1;

    PolicyWorld(Random random) {
        this.random = random;
    }

    Set<Integer> subjects() {
        return Set.copyOf(subjects);
    }

    void change(ClusterFixture cluster) {
        revision++;
        int changes = 1 + random.nextInt(3);
        for (int i = 0; i < changes; i++) {
            switch (random.nextInt(8)) {
                case 0 -> putSet(cluster, "s" + random.nextInt(4));
                case 1 -> putBlock(cluster, "a" + random.nextInt(2));
                case 2 -> putPolicy(cluster, "p" + random.nextInt(4));
                case 3 -> removeIdentity(cluster, 300 + random.nextInt(IDENTITIES));
                case 4 -> {
                    int subject = 300 + random.nextInt(IDENTITIES);
                    if (!subjects.remove(subject)) {
                        subjects.add(subject);
                    }
                }
                default -> putIdentity(cluster, 300 + random.nextInt(IDENTITIES));
            }
        }
    }

    private void putSet(ClusterFixture cluster, String id) {
        var bitmap = new RoaringBitmap();
        for (int i = 0; i < IDENTITIES; i++) {
            if (random.nextBoolean()) {
                bitmap.add(300 + i);
            }
        }
        // one revision says one thing: an identity written in it names its sets itself
        identityRevisions.forEach((identity, at) -> {
            if (at == revision) {
                IdentityPolicy policy = identities.get(identity);
                if (policy != null && policy.getSetsList().contains(id)) {
                    bitmap.add(identity);
                } else {
                    bitmap.remove(identity);
                }
            }
        });
        put(cluster, id, PolicyEngineIT.members(bitmap));
    }

    private void putBlock(ClusterFixture cluster, String id) {
        put(cluster, id, PolicyEngineIT.addresses("10." + random.nextInt(3) + ".0.0/" + (16 + random.nextInt(4))));
    }

    private void put(ClusterFixture cluster, String id, PeerSet set) {
        sets.put(id, set);
        setRevisions.put(id, revision);
        cluster.put(Keys.peerSet(id), set);
    }

    private void putPolicy(ClusterFixture cluster, String id) {
        var policy = CompiledPolicy.newBuilder()
                .setKind("NetworkPolicy")
                .setNamespace("shop")
                .setName(id)
                .setTier(random.nextInt(3) == 0 ? Tier.TIER_ADMIN : Tier.TIER_NAMESPACE)
                .setPriority(random.nextInt(2))
                .setIsolatesIngress(random.nextBoolean());
        int rules = random.nextInt(4);
        for (int i = 0; i < rules; i++) {
            List<String> known = List.copyOf(sets.keySet());
            var rule = Rule.newBuilder()
                    .setPath("ingress[" + i + "]")
                    .setDirection(io.pilus.contract.v1.Direction.DIRECTION_INGRESS)
                    .setAction(random.nextInt(3) == 0 ? Action.ACTION_DENY : Action.ACTION_ALLOW);
            if (known.isEmpty()) {
                rule.setAnyPeer(true);
            } else {
                String set = known.get(random.nextInt(known.size()));
                known.stream()
                        .filter(other -> other.charAt(0) == set.charAt(0) && random.nextInt(3) == 0)
                        .forEach(rule::addPeerSets);
                rule.addPeerSets(set);
            }
            if (random.nextBoolean()) {
                int first = 78 + random.nextInt(4);
                rule.addPorts(PortRange.newBuilder()
                        .setProtocol(Protocol.PROTOCOL_TCP)
                        .setFirst(first)
                        .setLast(first + random.nextInt(3)));
            }
            policy.addRules(rule);
        }
        policies.put(id, policy.build());
        cluster.put(Keys.rules(id), policy.build());
    }

    private void putIdentity(ClusterFixture cluster, int identity) {
        var policy = IdentityPolicy.newBuilder();
        policies.keySet().stream().filter(id -> random.nextInt(3) == 0).forEach(policy::addPolicies);
        for (String set : sets.keySet()) {
            PeerSet value = sets.get(set);
            if (setRevisions.getOrDefault(set, 0L) == revision && value != null) {
                if (contains(value, identity)) {
                    policy.addSets(set);
                }
            } else if (set.startsWith("s") && random.nextBoolean()) {
                policy.addSets(set);
            }
        }
        identities.put(identity, policy.build());
        identityRevisions.put(identity, revision);
        cluster.put(Keys.identityPolicy(identity), policy.build());
    }

    private void removeIdentity(ClusterFixture cluster, int identity) {
        // a subject's key stays while it is one: the subject would keep its last table
        if (!subjects.contains(identity) && identities.remove(identity) != null) {
            cluster.delete(Keys.identityPolicy(identity));
        }
    }

    VerdictTable table(int subject, RuleNumbers numbers) {
        var index = new PeerIndex();
        sets.forEach((id, set) -> index.putSet(id, set, setRevisions.getOrDefault(id, 0L)));
        identities.forEach(
                (id, policy) -> index.putIdentity(id, policy.getSetsList(), identityRevisions.getOrDefault(id, 0L)));
        IdentityPolicy own = identities.getOrDefault(subject, IdentityPolicy.getDefaultInstance());
        List<AppliedPolicy> applied = own.getPoliciesList().stream()
                .map(id -> new AppliedPolicy(id, policies.getOrDefault(id, CompiledPolicy.getDefaultInstance())))
                .toList();
        return ((Compilation.Compiled) TableCompiler.compile(applied, index, numbers)).table();
    }

    Packet packet() {
        int identity = random.nextInt(6) == 0 ? Identities.WORLD : 300 + random.nextInt(IDENTITIES + 1);
        return new Packet(
                random.nextInt(4) == 0 ? Direction.EGRESS : Direction.INGRESS,
                identity,
                identities.containsKey(identity),
                parseAddress("10." + random.nextInt(3) + "." + 16 * random.nextInt(8) + ".1"),
                random.nextBoolean(),
                random.nextInt(4) == 0 ? 17 : 6,
                77 + random.nextInt(8));
    }

    private static boolean contains(PeerSet set, int identity) {
        var bitmap = new RoaringBitmap();
        try {
            if (set.hasIdentities()) {
                bitmap.deserialize(set.getIdentities().asReadOnlyByteBuffer());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bitmap.contains(identity);
    }
}

package io.pilus.policy.compile;

import com.google.protobuf.MessageLite;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.Direction;
import io.pilus.contract.v1.NamedPort;
import io.pilus.contract.v1.Rule;
import io.pilus.policy.rule.PodSelector;
import io.pilus.policy.rule.Policy;
import io.pilus.policy.rule.PolicyRule;
import io.pilus.policy.rule.Port;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.roaringbitmap.IntConsumer;
import org.roaringbitmap.RoaringBitmap;

/**
 * A document compiled against the identities there are. It has several variants when its ingress rules name ports which its
 * subjects number differently: a subject lives under one of them.
 *
 * @param variants by policy id; those without a subject are left out
 * @param selectors by set id: the peers of its rules
 * @param blocks by set id: the addresses of its rules
 */
record CompiledDocument(
        Policy policy,
        Map<String, Variant> variants,
        Map<String, PodSelector> selectors,
        Map<String, Addresses> blocks) {

    record Variant(CompiledPolicy policy, RoaringBitmap subjects) {}

    /** The policy id under which the identity lives, or null when the document does not select it. */
    @Nullable
    String policyOf(int identity) {
        for (Map.Entry<String, Variant> variant : variants.entrySet()) {
            if (variant.getValue().subjects().contains(identity)) {
                return variant.getKey();
            }
        }
        return null;
    }

    static CompiledDocument compile(Policy policy, Population population) {
        return new Compiler(policy, population).compile();
    }

    /** What the largest of the document's keys takes, or would take if it selected somebody: a subject may come at any time. */
    static int sizeOf(Policy policy, Population population) {
        return new Compiler(policy, population).size();
    }

    static String setId(PodSelector selector) {
        return Ids.of("identities", selector.toString());
    }

    static String setId(Addresses block) {
        return Ids.of("addresses", text(block));
    }

    /** Canonical, and for people. */
    static String text(Addresses block) {
        StringBuilder text = new StringBuilder(Prefixes.format(block.getCidr()));
        block.getExceptList().stream()
                .map(Prefixes::format)
                .distinct()
                .sorted()
                .forEach(except -> text.append(" except ").append(except));
        return block.getUnmanagedOnly() ? text + " unmanaged" : text.toString();
    }

    private static final class Compiler {
        private final Policy policy;
        private final Population population;
        private final Map<String, PodSelector> selectors = new LinkedHashMap<>();
        private final Map<String, Addresses> blocks = new LinkedHashMap<>();

        Compiler(Policy policy, Population population) {
            this.policy = policy;
            this.population = population;
        }

        CompiledDocument compile() {
            Map<Map<Port.Named, List<Integer>>, RoaringBitmap> groups = new LinkedHashMap<>();
            List<Port.Named> served = policy.namedPorts(Direction.DIRECTION_INGRESS);
            population.members(policy.subject()).forEach((IntConsumer) id -> {
                KnownIdentity subject = population.identity(id);
                if (subject != null) {
                    groups.computeIfAbsent(numbers(subject, served), _ -> new RoaringBitmap())
                            .add(id);
                }
            });
            if (groups.isEmpty()) {
                return new CompiledDocument(policy, Map.of(), Map.of(), Map.of());
            }
            List<Rule> egress = rules(Direction.DIRECTION_EGRESS, Map.of());
            Map<String, Variant> variants = new LinkedHashMap<>();
            groups.forEach((numbers, subjects) ->
                    variants.put(policyId(numbers), new Variant(compiled(numbers, egress), subjects)));
            return new CompiledDocument(policy, variants, selectors, blocks);
        }

        int size() {
            List<CompiledPolicy> policies = new ArrayList<>();
            compile().variants().values().forEach(variant -> policies.add(variant.policy()));
            if (policies.isEmpty()) {
                Map<Port.Named, List<Integer>> anyNumber = new TreeMap<>();
                policy.namedPorts(Direction.DIRECTION_INGRESS).forEach(port -> anyNumber.put(port, List.of(0xffff)));
                policies.add(compiled(anyNumber, rules(Direction.DIRECTION_EGRESS, Map.of())));
            }
            List<InternedSet> sets = new ArrayList<>();
            selectors
                    .values()
                    .forEach(selector -> sets.add(new InternedSet.Identities(selector, population.members(selector))));
            blocks.values().forEach(block -> sets.add(new InternedSet.Block(block)));
            return Stream.concat(policies.stream(), sets.stream().map(InternedSet::value))
                    .mapToInt(MessageLite::getSerializedSize)
                    .max()
                    .orElse(0);
        }

        private CompiledPolicy compiled(Map<Port.Named, List<Integer>> numbersOfSubject, List<Rule> egress) {
            return CompiledPolicy.newBuilder()
                    .setKind(policy.name().kind())
                    .setNamespace(policy.name().namespace())
                    .setName(policy.name().name())
                    .setTier(policy.tier())
                    .setPriority(policy.priority())
                    .setIsolatesIngress(policy.isolates().contains(Direction.DIRECTION_INGRESS))
                    .setIsolatesEgress(policy.isolates().contains(Direction.DIRECTION_EGRESS))
                    .addAllRules(rules(Direction.DIRECTION_INGRESS, numbersOfSubject))
                    .addAllRules(egress)
                    .build();
        }

        private String policyId(Map<Port.Named, List<Integer>> numbers) {
            return Ids.of(
                    "policy",
                    policy.name().kind(),
                    policy.name().namespace(),
                    policy.name().name(),
                    policy.subject().toString(),
                    numbers.entrySet().stream()
                            .map(entry -> entry.getKey().name() + "/"
                                    + entry.getKey().protocol().getNumber() + "=" + entry.getValue())
                            .collect(Collectors.joining(" ")));
        }

        /** Sorted, so that equal maps have equal texts. */
        private static Map<Port.Named, List<Integer>> numbers(KnownIdentity subject, List<Port.Named> served) {
            Map<Port.Named, List<Integer>> numbers = new TreeMap<>();
            served.forEach(port -> numbers.put(port, subject.numbers(port)));
            return numbers;
        }

        private List<Rule> rules(Direction direction, Map<Port.Named, List<Integer>> numbersOfSubject) {
            List<Rule> rules = new ArrayList<>();
            for (PolicyRule rule : policy.rules()) {
                if (rule.direction() == direction) {
                    rules.addAll(
                            direction == Direction.DIRECTION_INGRESS ? ingress(rule, numbersOfSubject) : egress(rule));
                }
            }
            return rules;
        }

        /** The destination is the subject: a name has the numbers that the subject gives it. */
        private List<Rule> ingress(PolicyRule rule, Map<Port.Named, List<Integer>> numbersOfSubject) {
            var ports = Rule.newBuilder();
            for (Port port : rule.ports()) {
                switch (port) {
                    case Port.Numbered numbered -> ports.addPorts(numbered.range());
                    case Port.Named named ->
                        numbersOfSubject
                                .getOrDefault(named, List.of())
                                .forEach(number -> ports.addPorts(Port.Numbered.of(named.protocol(), number, number)
                                        .range()));
                }
            }
            ports.setNoPort(!rule.ports().isEmpty() && ports.getPortsCount() == 0);
            return withPeers(rule, ports.build(), rule.anyPeer(), rule.selectors(), rule.blocks());
        }

        /**
         * The destination is the peer: a name splits the peers by the numbers they give it. It says nothing of addresses, which
         * have no names for their ports.
         */
        private List<Rule> egress(PolicyRule rule) {
            var numbered = Rule.newBuilder();
            List<Port.Named> named = new ArrayList<>();
            for (Port port : rule.ports()) {
                switch (port) {
                    case Port.Numbered byNumber -> numbered.addPorts(byNumber.range());
                    case Port.Named byName -> named.add(byName);
                }
            }
            List<Rule> rules = new ArrayList<>();
            if (named.isEmpty() || numbered.getPortsCount() > 0) {
                rules.addAll(withPeers(rule, numbered.build(), rule.anyPeer(), rule.selectors(), rule.blocks()));
            }
            List<PodSelector> peers = rule.anyPeer() ? List.of(PodSelector.EVERY_POD) : rule.selectors();
            for (Port.Named name : named) {
                Map<Integer, List<PodSelector>> byNumber = new TreeMap<>();
                for (PodSelector peer : peers) {
                    for (int number : numbersAmong(peer, name)) {
                        byNumber.computeIfAbsent(number, _ -> new ArrayList<>())
                                .add(peer.serving(NamedPort.newBuilder()
                                        .setName(name.name())
                                        .setProtocol(name.protocol())
                                        .setPort(number)
                                        .build()));
                    }
                }
                byNumber.forEach((number, serving) -> rules.addAll(withPeers(
                        rule,
                        Rule.newBuilder()
                                .addPorts(Port.Numbered.of(name.protocol(), number, number)
                                        .range())
                                .build(),
                        false,
                        serving,
                        List.of())));
            }
            if (rules.isEmpty()) {
                rules.addAll(withPeers(
                        rule, Rule.newBuilder().setNoPort(true).build(), rule.anyPeer(), rule.selectors(), List.of()));
            }
            return rules;
        }

        private Set<Integer> numbersAmong(PodSelector peers, Port.Named name) {
            Set<Integer> numbers = new TreeSet<>();
            population.members(peers).forEach((IntConsumer) id -> {
                KnownIdentity peer = population.identity(id);
                if (peer != null) {
                    numbers.addAll(peer.numbers(name));
                }
            });
            return numbers;
        }

        /** One rule for the identities among the peers, one for the addresses: a rule never has both. */
        private List<Rule> withPeers(
                PolicyRule rule, Rule ports, boolean anyPeer, List<PodSelector> pods, List<Addresses> addresses) {
            Rule base = ports.toBuilder()
                    .setPath(rule.path())
                    .setDirection(rule.direction())
                    .setAction(rule.action())
                    .build();
            if (anyPeer) {
                return List.of(base.toBuilder().setAnyPeer(true).build());
            }
            List<Rule> rules = new ArrayList<>();
            if (!pods.isEmpty()) {
                rules.add(base.toBuilder()
                        .addAllPeerSets(pods.stream()
                                .map(this::intern)
                                .distinct()
                                .sorted()
                                .toList())
                        .build());
            }
            if (!addresses.isEmpty()) {
                rules.add(base.toBuilder()
                        .addAllPeerSets(addresses.stream()
                                .map(this::intern)
                                .distinct()
                                .sorted()
                                .toList())
                        .build());
            }
            return rules;
        }

        private String intern(PodSelector selector) {
            String id = setId(selector);
            selectors.put(id, selector);
            return id;
        }

        private String intern(Addresses block) {
            String id = setId(block);
            blocks.put(id, block);
            return id;
        }
    }
}

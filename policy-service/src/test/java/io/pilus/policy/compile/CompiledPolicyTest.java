package io.pilus.policy.compile;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.ByteString;
import io.pilus.contract.Identities;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.LabelSet;
import io.pilus.model.AppliedPolicy;
import io.pilus.model.Cell;
import io.pilus.model.Compilation;
import io.pilus.model.Direction;
import io.pilus.model.PeerIndex;
import io.pilus.model.RuleRef;
import io.pilus.model.TableCompiler;
import io.pilus.model.VerdictTable;
import io.pilus.policy.compile.KubernetesSemantics.Pod;
import io.pilus.policy.networkpolicy.NetworkPolicyDialect;
import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.source.DocumentReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

/** Random NetworkPolicies: what nodes are given means what Kubernetes says, and does not depend on the order of changes. */
class CompiledPolicyTest {

    private static final int CASES = Integer.getInteger("pilus.test.cases", 400);
    private static final Map<String, Integer> PROTOCOLS = Map.of("TCP", 6, "UDP", 17, "SCTP", 132);

    private final long firstSeed =
            Long.getLong("pilus.test.seed", RandomGenerator.getDefault().nextInt(1 << 30));
    private final DocumentReader reader = new DocumentReader(List.of(new NetworkPolicyDialect()));

    /** What is there now, and the compiler that saw it come. */
    private final class World {
        final RandomIntent random;
        final PolicyCompiler compiler = new PolicyCompiler();
        final Map<Integer, LabelSet> identities = new TreeMap<>();
        final Map<String, Map<String, String>> namespaces = new TreeMap<>();
        final Map<DocumentName, ObjectNode> documents = new HashMap<>();

        World(long seed) {
            random = new RandomIntent(seed);
        }

        void change() {
            int id = Identities.FIRST + random.random.nextInt(8);
            String namespace = random.namespace();
            var name = new DocumentName("NetworkPolicy", namespace, random.one(random.policyNames()));
            switch (random.random.nextInt(8)) {
                case 0, 1, 2 -> {
                    identities.put(id, random.labelSet());
                    compiler.putIdentity(id, Objects.requireNonNull(identities.get(id)));
                }
                case 3 -> {
                    identities.remove(id);
                    compiler.removeIdentity(id);
                }
                case 4 -> {
                    namespaces.put(namespace, random.labels());
                    compiler.putNamespace(namespace, Objects.requireNonNull(namespaces.get(namespace)));
                }
                case 5, 6 -> {
                    ObjectNode document = random.policy(namespace, name.name());
                    documents.put(name, document);
                    compiler.putDocument(reader.read(document, name).policy());
                }
                default -> {
                    if (random.random.nextBoolean()) {
                        documents.remove(name);
                        compiler.removeDocument(name);
                    } else {
                        namespaces.remove(namespace);
                        compiler.removeNamespace(namespace);
                    }
                }
            }
        }

        PolicyCompiler anew() {
            var fresh = new PolicyCompiler();
            namespaces.forEach(fresh::putNamespace);
            identities.forEach(fresh::putIdentity);
            documents.forEach((name, document) ->
                    fresh.putDocument(reader.read(document, name).policy()));
            return fresh;
        }
    }

    @Test
    void theOrderOfChangesLeavesNoTrace() {
        for (long seed = firstSeed; seed < firstSeed + CASES; seed++) {
            var world = new World(seed);

            for (int i = 0; i < 60; i++) {
                world.change();
                if (i % 10 == 9) {
                    assertThat(describe(world.compiler))
                            .as("-Dpilus.test.seed=%d after %d changes", seed, i + 1)
                            .isEqualTo(describe(world.anew()));
                }
            }
        }
    }

    @Test
    void whatNodesAreGivenMeansWhatKubernetesSays() {
        int denied = 0;
        int judged = 0;
        for (long seed = firstSeed; seed < firstSeed + CASES; seed++) {
            var world = new World(seed);
            for (int i = 0; i < 40; i++) {
                world.change();
            }
            List<Pod> pods = new ArrayList<>();
            world.identities.forEach((id, labels) -> pods.add(new Pod(
                    id,
                    labels.getNamespace(),
                    labels.getLabelsMap(),
                    labels.getPortsList(),
                    "10.0.0." + (id - Identities.FIRST))));
            if (pods.isEmpty()) {
                continue;
            }
            List<JsonNode> documents = new ArrayList<>(world.documents.values());
            var semantics = new KubernetesSemantics(documents, world.namespaces);
            PeerIndex index = index(world.compiler);

            for (Pod subject : pods) {
                VerdictTable table = table(world.compiler, index, subject.identity());
                for (int i = 0; i < 40; i++) {
                    Pod peer = i % 4 == 0 ? null : world.random.one(pods);
                    String address = peer == null ? world.random.one(RandomIntent.OUTSIDE) : peer.address();
                    String protocol = world.random.protocol();
                    int port = world.random.one(RandomIntent.PORTS);
                    boolean ingress = world.random.random.nextBoolean();
                    ByteString bytes = Prefixes.parseAddress(address);
                    long cell = table.verdict(
                            ingress ? Direction.INGRESS : Direction.EGRESS,
                            peer == null ? Identities.WORLD : peer.identity(),
                            true,
                            bytes,
                            peer != null,
                            PROTOCOLS.getOrDefault(protocol, 0),
                            port);
                    boolean expected = semantics.allowed(ingress, subject, peer, address, protocol, port);
                    assertThat(Cell.allows(cell))
                            .as(
                                    "-Dpilus.test.seed=%d: %s %s peer %s %s %s/%d, documents %s",
                                    seed, ingress, subject, peer, address, protocol, port, documents)
                            .isEqualTo(expected);
                    judged++;
                    denied += expected ? 0 : 1;
                }
            }
        }
        assertThat(denied).as("of %d", judged).isBetween(judged / 10, judged * 9 / 10);
    }

    private static VerdictTable table(PolicyCompiler compiler, PeerIndex index, int identity) {
        List<AppliedPolicy> applied = new ArrayList<>();
        IdentityPolicy policies = Objects.requireNonNull(compiler.identity(identity));
        for (String id : policies.getPoliciesList()) {
            applied.add(new AppliedPolicy(
                    id, Objects.requireNonNull(compiler.policies().get(id))));
        }
        Map<RuleRef, Integer> numbers = new HashMap<>();
        var outcome =
                TableCompiler.compile(applied, index, rule -> numbers.computeIfAbsent(rule, _ -> numbers.size() + 1));
        return ((Compilation.Compiled) outcome).table();
    }

    private static PeerIndex index(PolicyCompiler compiler) {
        var index = new PeerIndex();
        compiler.identities()
                .forEach(id -> index.putIdentity(
                        id, Objects.requireNonNull(compiler.identity(id)).getSetsList(), 1));
        compiler.sets().forEach(id -> index.putSet(id, Objects.requireNonNull(compiler.set(id)), 1));
        return index;
    }

    /** Everything that would be published. */
    static String describe(PolicyCompiler compiler) {
        StringBuilder text = new StringBuilder();
        compiler.sets().stream()
                .sorted()
                .forEach(id -> text.append("set ")
                        .append(id)
                        .append(' ')
                        .append(Objects.requireNonNull(compiler.set(id)).getSelector())
                        .append(' ')
                        .append(compiler.members(id))
                        .append('\n'));
        new TreeMap<>(compiler.policies())
                .forEach((id, policy) -> text.append("policy ")
                        .append(id)
                        .append(' ')
                        .append(policy)
                        .append('\n'));
        compiler.identities().stream()
                .sorted()
                .forEach(id -> text.append("identity ")
                        .append(id)
                        .append(' ')
                        .append(compiler.identity(id))
                        .append('\n'));
        return text.toString();
    }
}

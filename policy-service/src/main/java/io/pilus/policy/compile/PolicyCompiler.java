package io.pilus.policy.compile;

import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.Direction;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.PeerSet;
import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.rule.PodSelector;
import io.pilus.policy.rule.Policy;
import io.pilus.policy.rule.Port;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.roaringbitmap.IntConsumer;
import org.roaringbitmap.RoaringBitmap;

/**
 * The compiled form of {@code intent/}. It is a function of what {@code intent/} holds, ids included, whatever the order in
 * which that came; a change costs what it touches. Not for several threads.
 */
public final class PolicyCompiler {

    private static final RoaringBitmap NOBODY = new RoaringBitmap();

    private final Population population = new Population();
    private final NavigableMap<String, CompiledDocument> documents = new TreeMap<>();
    private final Map<String, InternedSet> sets = new HashMap<>();
    private final Map<String, Integer> references = new HashMap<>();
    private final Map<String, CompiledPolicy> policies = new HashMap<>();
    /** By identity: its policies by the keys of their documents. */
    private final Map<Integer, NavigableMap<String, String>> policiesOf = new HashMap<>();

    private final Map<Integer, NavigableMap<String, Boolean>> setsOf = new HashMap<>();
    private final Map<String, Set<String>> documentsOfNamespace = new HashMap<>();
    private final Set<String> documentsOfAnyNamespace = new HashSet<>();
    private final Set<String> documentsNamingPortsOfPeers = new HashSet<>();
    private final Map<String, Set<String>> setsOfNamespace = new HashMap<>();
    private final Set<String> setsOfAnyNamespace = new HashSet<>();
    private final Changes changes = new Changes();

    /** A document is new or has changed. */
    public void putDocument(Policy policy) {
        changes.note();
        String key = policy.name().key().path();
        CompiledDocument before = documents.get(key);
        if (before != null) {
            index(key, before.policy(), false);
        }
        replace(key, CompiledDocument.compile(policy, population));
        index(key, policy, true);
    }

    /** A document is gone. */
    public void removeDocument(DocumentName name) {
        changes.note();
        String key = name.key().path();
        CompiledDocument gone = documents.get(key);
        if (gone != null) {
            index(key, gone.policy(), false);
            replace(key, null);
        }
    }

    public void putNamespace(String name, Map<String, String> labels) {
        changes.note();
        Map<String, String> before = population.namespaceLabels(name);
        population.putNamespace(name, labels);
        relabelled(name, before);
    }

    public void removeNamespace(String name) {
        changes.note();
        Map<String, String> before = population.namespaceLabels(name);
        population.removeNamespace(name);
        relabelled(name, before);
    }

    public void putIdentity(int id, LabelSet labels) {
        var identity = KnownIdentity.of(id, labels);
        KnownIdentity before = population.identity(id);
        if (identity.equals(before)) {
            return;
        }
        population.put(identity);
        changes.identity(id);
        if (before != null && !before.namespace().equals(identity.namespace())) {
            reclassify(id, before.namespace());
        }
        reclassify(id, identity.namespace());
        reresolve(before, identity);
    }

    public void removeIdentity(int id) {
        KnownIdentity gone = population.identity(id);
        if (gone != null) {
            population.remove(id);
            changes.identity(id);
            reclassify(id, gone.namespace());
            reresolve(gone, null);
        }
    }

    /** Starts anew; what follows is everything there is. */
    public void clear() {
        population.clear();
        documents.clear();
        sets.clear();
        references.clear();
        policies.clear();
        policiesOf.clear();
        setsOf.clear();
        documentsOfNamespace.clear();
        documentsOfAnyNamespace.clear();
        documentsNamingPortsOfPeers.clear();
        setsOfNamespace.clear();
        setsOfAnyNamespace.clear();
        changes.all();
    }

    /** What may have changed since {@link #changesTaken}. */
    public Changes changes() {
        return changes;
    }

    public void changesTaken() {
        changes.clear();
    }

    /** The sets that there must be. */
    public Set<String> sets() {
        return Collections.unmodifiableSet(sets.keySet());
    }

    public @Nullable PeerSet set(String setId) {
        InternedSet set = sets.get(setId);
        return set == null ? null : set.value();
    }

    /** The members of a set of identities; empty for any other. */
    public RoaringBitmap members(String setId) {
        return sets.get(setId) instanceof InternedSet.Identities set ? set.members() : NOBODY;
    }

    public Map<String, CompiledPolicy> policies() {
        return Collections.unmodifiableMap(policies);
    }

    /** The identities that there are. */
    public Set<Integer> identities() {
        return Collections.unmodifiableSet(population.ids());
    }

    /** Null when there is no such identity. */
    public @Nullable IdentityPolicy identity(int id) {
        if (population.identity(id) == null) {
            return null;
        }
        return IdentityPolicy.newBuilder()
                .addAllPolicies(policiesOf
                        .getOrDefault(id, Collections.emptyNavigableMap())
                        .values())
                .addAllSets(
                        setsOf.getOrDefault(id, Collections.emptyNavigableMap()).keySet())
                .build();
    }

    public @Nullable KnownIdentity known(int id) {
        return population.identity(id);
    }

    /** The identities that a selector matches now. */
    public RoaringBitmap matching(PodSelector selector) {
        return population.members(selector);
    }

    /** The document as it is compiled now. */
    public @Nullable Policy document(DocumentName name) {
        CompiledDocument found = documents.get(name.key().path());
        return found == null ? null : found.policy();
    }

    /** What the compiled form of a document would take in its largest key, were it applied now. */
    public int sizeOf(Policy policy) {
        return CompiledDocument.sizeOf(policy, population);
    }

    private void replace(String key, @Nullable CompiledDocument now) {
        CompiledDocument before = now == null ? documents.remove(key) : documents.put(key, now);
        if (now != null) {
            now.selectors().forEach(this::acquire);
            now.blocks().forEach(this::acquire);
            now.variants().forEach((id, variant) -> {
                if (!variant.policy().equals(policies.put(id, variant.policy()))) {
                    changes.policies().add(id);
                }
                variant.subjects().forEach((IntConsumer) subject -> assign(subject, key, id));
            });
        }
        if (before != null) {
            before.variants().forEach((id, variant) -> {
                if (now == null || !now.variants().containsKey(id)) {
                    policies.remove(id);
                    changes.policies().add(id);
                }
                variant.subjects().forEach((IntConsumer) subject -> {
                    if (now == null || now.policyOf(subject) == null) {
                        unassign(subject, key);
                    }
                });
            });
            before.selectors().keySet().forEach(this::release);
            before.blocks().keySet().forEach(this::release);
        }
    }

    private void assign(int subject, String documentKey, String policyId) {
        String before =
                policiesOf.computeIfAbsent(subject, _ -> new TreeMap<>()).put(documentKey, policyId);
        if (!policyId.equals(before)) {
            changes.identity(subject);
        }
    }

    private void unassign(int subject, String documentKey) {
        NavigableMap<String, String> left = policiesOf.get(subject);
        if (left != null && left.remove(documentKey) != null) {
            changes.identity(subject);
            if (left.isEmpty()) {
                policiesOf.remove(subject);
            }
        }
    }

    private void acquire(String setId, PodSelector selector) {
        if (references.merge(setId, 1, Integer::sum) == 1) {
            RoaringBitmap members = population.members(selector);
            sets.put(setId, new InternedSet.Identities(selector, members));
            members.forEach((IntConsumer) id -> note(id, setId, true));
            setIndex(selector).add(setId);
            changes.sets().add(setId);
        }
    }

    private void acquire(String setId, Addresses block) {
        if (references.merge(setId, 1, Integer::sum) == 1) {
            sets.put(setId, new InternedSet.Block(block));
            changes.sets().add(setId);
        }
    }

    private void release(String setId) {
        if (references.merge(setId, -1, Integer::sum) == 0) {
            references.remove(setId);
            InternedSet gone = sets.remove(setId);
            if (gone instanceof InternedSet.Identities identities) {
                identities.members().forEach((IntConsumer) id -> note(id, setId, false));
                setIndex(identities.selector()).remove(setId);
            }
            changes.sets().add(setId);
        }
    }

    private Set<String> setIndex(PodSelector selector) {
        return selector.namespace()
                .map(namespace -> setsOfNamespace.computeIfAbsent(namespace, _ -> new HashSet<>()))
                .orElse(setsOfAnyNamespace);
    }

    private void note(int id, String setId, boolean holds) {
        if (holds) {
            setsOf.computeIfAbsent(id, _ -> new TreeMap<>()).put(setId, true);
        } else {
            NavigableMap<String, Boolean> left = setsOf.get(id);
            if (left != null) {
                left.remove(setId);
                if (left.isEmpty()) {
                    setsOf.remove(id);
                }
            }
        }
    }

    private void index(String key, Policy policy, boolean there) {
        Set<String> bySubject = policy.subject()
                .namespace()
                .map(namespace -> documentsOfNamespace.computeIfAbsent(namespace, _ -> new HashSet<>()))
                .orElse(documentsOfAnyNamespace);
        boolean namesPortsOfPeers = policy.namesPorts(Direction.DIRECTION_EGRESS);
        if (there) {
            bySubject.add(key);
        } else {
            bySubject.remove(key);
        }
        if (there && namesPortsOfPeers) {
            documentsNamingPortsOfPeers.add(key);
        } else {
            documentsNamingPortsOfPeers.remove(key);
        }
    }

    private void relabelled(String namespace, Map<String, String> before) {
        if (population.in(namespace).isEmpty() || before.equals(population.namespaceLabels(namespace))) {
            return;
        }
        for (int id : population.in(namespace).toArray()) {
            reclassify(id, namespace);
        }
        recompile(List.copyOf(documentsNamingPortsOfPeers));
    }

    private void reclassify(int id, String namespace) {
        reclassify(
                id,
                setsOfNamespace.getOrDefault(namespace, Set.of()),
                documentsOfNamespace.getOrDefault(namespace, Set.of()));
        reclassify(id, setsOfAnyNamespace, documentsOfAnyNamespace);
    }

    /** Asks anew whether these sets hold the identity and these documents select it. */
    private void reclassify(int id, Set<String> setIds, Set<String> documentKeys) {
        KnownIdentity identity = population.identity(id);
        for (String setId : setIds) {
            if (sets.get(setId) instanceof InternedSet.Identities(PodSelector selector, RoaringBitmap members)) {
                boolean holds = identity != null && population.matches(selector, identity);
                if (holds != members.contains(id)) {
                    if (holds) {
                        members.add(id);
                    } else {
                        members.remove(id);
                    }
                    note(id, setId, holds);
                    changes.sets().add(setId);
                }
            }
        }
        for (String key : List.copyOf(documentKeys)) {
            CompiledDocument document = documents.get(key);
            if (document != null) {
                reselect(id, identity, key, document);
            }
        }
    }

    private void reselect(int id, @Nullable KnownIdentity identity, String key, CompiledDocument document) {
        Policy policy = document.policy();
        boolean selects = identity != null && population.matches(policy.subject(), identity);
        String policyId = document.policyOf(id);
        if (selects == (policyId != null) && !policy.namesPorts(Direction.DIRECTION_INGRESS)) {
            return;
        }
        if (!selects && policyId == null) {
            return;
        }
        if (document.variants().size() == 1 && !policy.namesPorts(Direction.DIRECTION_INGRESS)) {
            Map.Entry<String, CompiledDocument.Variant> only =
                    document.variants().entrySet().iterator().next();
            RoaringBitmap subjects = only.getValue().subjects();
            if (selects) {
                subjects.add(id);
                assign(id, key, only.getKey());
                return;
            }
            if (subjects.getCardinality() > 1) {
                subjects.remove(id);
                unassign(id, key);
                return;
            }
        }
        replace(key, CompiledDocument.compile(policy, population));
    }

    /** Documents whose egress rules name a port that the identity served or serves. */
    private void reresolve(@Nullable KnownIdentity before, @Nullable KnownIdentity now) {
        Set<Port.Named> names = new HashSet<>();
        if (before != null) {
            names.addAll(before.portNames());
        }
        if (now != null) {
            names.addAll(now.portNames());
        }
        if (names.isEmpty()) {
            return;
        }
        List<String> touched = new ArrayList<>();
        for (String key : documentsNamingPortsOfPeers) {
            CompiledDocument document = documents.get(key);
            if (document != null
                    && document.policy().namedPorts(Direction.DIRECTION_EGRESS).stream()
                            .anyMatch(names::contains)) {
                touched.add(key);
            }
        }
        recompile(touched);
    }

    private void recompile(List<String> keys) {
        for (String key : keys) {
            Policy policy = Objects.requireNonNull(documents.get(key)).policy();
            replace(key, CompiledDocument.compile(policy, population));
        }
    }
}

package io.pilus.policy.compile;

import io.pilus.contract.v1.NamedPort;
import io.pilus.policy.rule.LabelSelector;
import io.pilus.policy.rule.LabelSelector.Operator;
import io.pilus.policy.rule.LabelSelector.Requirement;
import io.pilus.policy.rule.PodSelector;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.roaringbitmap.IntConsumer;
import org.roaringbitmap.RoaringBitmap;

/** All identities and the labels of all namespaces, and who is matched by a selector. */
final class Population {

    private static final RoaringBitmap NOBODY = new RoaringBitmap();

    private final Map<Integer, KnownIdentity> identities = new HashMap<>();
    private final Map<String, RoaringBitmap> byNamespace = new HashMap<>();
    private final Map<Label, RoaringBitmap> byLabel = new HashMap<>();
    private final Map<String, Map<String, String>> namespaces = new HashMap<>();

    private record Label(String key, String value) {}

    @Nullable
    KnownIdentity identity(int id) {
        return identities.get(id);
    }

    Set<Integer> ids() {
        return identities.keySet();
    }

    RoaringBitmap in(String namespace) {
        return byNamespace.getOrDefault(namespace, NOBODY);
    }

    void put(KnownIdentity identity) {
        remove(identity.id());
        identities.put(identity.id(), identity);
        byNamespace
                .computeIfAbsent(identity.namespace(), _ -> new RoaringBitmap())
                .add(identity.id());
        identity.labels()
                .forEach((key, value) -> byLabel.computeIfAbsent(new Label(key, value), _ -> new RoaringBitmap())
                        .add(identity.id()));
    }

    void remove(int id) {
        KnownIdentity gone = identities.remove(id);
        if (gone != null) {
            remove(id, byNamespace, gone.namespace());
            gone.labels().forEach((key, value) -> remove(id, byLabel, new Label(key, value)));
        }
    }

    private static <K> void remove(int id, Map<K, RoaringBitmap> index, K key) {
        RoaringBitmap left = index.getOrDefault(key, NOBODY);
        left.remove(id);
        if (left.isEmpty()) {
            index.remove(key);
        }
    }

    void clear() {
        identities.clear();
        byNamespace.clear();
        byLabel.clear();
        namespaces.clear();
    }

    void putNamespace(String name, Map<String, String> labels) {
        Map<String, String> all = new HashMap<>(labels);
        all.put(PodSelector.NAMESPACE_NAME, name);
        namespaces.put(name, Map.copyOf(all));
    }

    void removeNamespace(String name) {
        namespaces.remove(name);
    }

    /** A namespace of which nothing is known yet still has its name. */
    Map<String, String> namespaceLabels(String name) {
        return namespaces.getOrDefault(name, Map.of(PodSelector.NAMESPACE_NAME, name));
    }

    boolean matches(PodSelector selector, KnownIdentity identity) {
        NamedPort port = selector.port();
        return selector.pods().matches(identity.labels())
                && (port == null || identity.ports().contains(port))
                && selector.namespaces().matches(namespaceLabels(identity.namespace()));
    }

    RoaringBitmap members(PodSelector selector) {
        var members = new RoaringBitmap();
        Optional<String> only = selector.namespace();
        if (only.isPresent()) {
            collect(selector, in(only.get()), members);
        } else {
            byNamespace.forEach((namespace, candidates) -> {
                if (selector.namespaces().matches(namespaceLabels(namespace))) {
                    collect(selector, candidates, members);
                }
            });
        }
        return members;
    }

    private void collect(PodSelector selector, RoaringBitmap candidates, RoaringBitmap members) {
        narrowed(candidates, selector.pods()).forEach((IntConsumer) id -> {
            KnownIdentity identity = identities.get(id);
            if (identity != null && matches(selector, identity)) {
                members.add(id);
            }
        });
    }

    /** Those that have the labels whose values the selector names: of thousands of candidates a few are left to look at. */
    private RoaringBitmap narrowed(RoaringBitmap candidates, LabelSelector pods) {
        RoaringBitmap left = candidates;
        for (Requirement requirement : pods.requirements()) {
            if (requirement.operator() == Operator.IN) {
                var having = new RoaringBitmap();
                for (String value : requirement.values()) {
                    having.or(byLabel.getOrDefault(new Label(requirement.key(), value), NOBODY));
                }
                left = RoaringBitmap.and(left, having);
            }
        }
        return left;
    }
}

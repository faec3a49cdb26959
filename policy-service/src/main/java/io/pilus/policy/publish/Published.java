package io.pilus.policy.publish;

import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.PeerSet;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Versioned;
import io.pilus.model.PeerIndex;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jboss.logging.Logger;

/** What is below {@code cluster/policy/}, by its effect: only the leader writes there, so its leader knows. */
final class Published {

    private static final Logger LOG = Logger.getLogger(Published.class);

    private final PeerIndex peers = new PeerIndex();
    private final Set<String> sets = new HashSet<>();
    private final Map<String, CompiledPolicy> policies = new HashMap<>();
    private final Map<Integer, List<String>> policiesOf = new HashMap<>();
    private Compiled compiled = Compiled.getDefaultInstance();

    /** Reads it from the store. Whoever calls leads, so that nobody writes meanwhile. */
    static Published read(EtcdStore store) {
        var published = new Published();
        store.forEach(
                Keys.IDENTITY_POLICIES,
                found -> published.put(
                        new Write.PutIdentity(Keys.identityNumber(part(Keys.IDENTITY_POLICIES, found)), found.value()),
                        found.modRevision()));
        store.forEach(Keys.PEER_SETS, found -> {
            String setId = part(Keys.PEER_SETS, found);
            try {
                published.put(new Write.PutSet(setId, found.value()), found.modRevision());
            } catch (IllegalArgumentException e) {
                LOG.warnf("%s is written anew: %s", found.key(), e.getMessage());
            }
        });
        store.forEach(
                Keys.RULES,
                found ->
                        published.put(new Write.PutRules(part(Keys.RULES, found), found.value()), found.modRevision()));
        store.get(Keys.COMPILED).ifPresent(found -> published.compiled = found.value());
        return published;
    }

    PeerIndex peers() {
        return peers;
    }

    Set<String> sets() {
        return sets;
    }

    Map<String, CompiledPolicy> policies() {
        return policies;
    }

    Map<Integer, List<String>> policiesOf() {
        return policiesOf;
    }

    Compiled compiled() {
        return compiled;
    }

    /** Takes note of a write that took place. */
    void put(Write write, long revision) {
        switch (write) {
            case Write.PutSet(String setId, PeerSet value) -> {
                peers.putSet(setId, value, revision);
                sets.add(setId);
            }
            case Write.PutRules(String policyId, CompiledPolicy value) -> policies.put(policyId, value);
            case Write.PutIdentity(int identity, IdentityPolicy value) -> {
                peers.putIdentity(identity, value.getSetsList(), revision);
                policiesOf.put(identity, List.copyOf(value.getPoliciesList()));
            }
            case Write.PutCompiled(Compiled value) -> compiled = value;
            case Write.DeleteIdentity(int identity) -> {
                peers.removeIdentity(identity);
                policiesOf.remove(identity);
            }
            case Write.DeleteRules(String policyId) -> policies.remove(policyId);
            case Write.DeleteSet(String setId) -> {
                peers.removeSet(setId);
                sets.remove(setId);
            }
        }
    }

    private static String part(KeyRange<?> range, Versioned<?> found) {
        return range.parts(found.key())[0];
    }
}

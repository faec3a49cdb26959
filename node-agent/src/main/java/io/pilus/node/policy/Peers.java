package io.pilus.node.policy;

import io.pilus.contract.Keys;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.PeerSet;
import io.pilus.etcd.UnreadableValueException;
import io.pilus.model.PeerIndex;
import io.pilus.model.PeerView;
import io.pilus.node.state.ClusterView;
import io.pilus.node.state.Delta;
import io.pilus.node.state.Entry;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.roaringbitmap.IntConsumer;

/**
 * The identities that this node knows, and which of them are in the sets that its tables name. Other sets are not decoded.
 * A set that goes away while a table names it stays as it was: unknown is never absent.
 */
final class Peers {

    private final ClusterView cluster;
    private final PeerIndex index = new PeerIndex();
    private final Map<String, Integer> users = new HashMap<>();
    private final Map<String, String> unreadable = new TreeMap<>();

    Peers(ClusterView cluster) {
        this.cluster = cluster;
    }

    /**
     * What a revision changed.
     *
     * @param introduced identities that were not known before
     * @param moved known identities that came into sets or left them
     * @param forgotten identities that are no longer known
     * @param sets that were written
     */
    record Changes(Set<Integer> introduced, Set<Integer> moved, Set<Integer> forgotten, Set<String> sets) {

        static Changes none() {
            return new Changes(new HashSet<>(), new HashSet<>(), new HashSet<>(), new HashSet<>());
        }
    }

    /** Learns all that the view has. */
    void load() {
        cluster.entries(Keys.IDENTITY_POLICIES).forEach(entry -> learn(entry, Changes.none()));
    }

    Changes apply(Delta delta) {
        Changes changes = Changes.none();
        for (Delta.Put put : delta.puts()) {
            String key = put.now().key();
            if (Keys.PEER_SETS.contains(key)) {
                String setId = Keys.PEER_SETS.parts(key)[0];
                changes.sets().add(setId);
                if (users.containsKey(setId)) {
                    read(setId, put.now(), changes);
                }
            } else if (Keys.IDENTITY_POLICIES.contains(key)) {
                learn(put.now(), changes);
            }
        }
        for (Entry gone : delta.gone()) {
            if (Keys.IDENTITY_POLICIES.contains(gone.key())) {
                int identity = identity(gone);
                unreadable.remove(gone.key());
                if (index.isKnown(identity)) {
                    index.removeIdentity(identity);
                    changes.forgotten().add(identity);
                }
            }
        }
        changes.moved().removeAll(changes.introduced());
        changes.moved().removeAll(changes.forgotten());
        return changes;
    }

    /** From here on the sets are kept up to date. */
    void use(Collection<String> setIds) {
        for (String setId : setIds) {
            if (users.merge(setId, 1, Integer::sum) == 1) {
                Optional<Entry> entry = cluster.entry(Keys.peerSet(setId));
                entry.ifPresent(written -> read(setId, written, Changes.none()));
            }
        }
    }

    /** The reverse of {@link #use}. */
    void disuse(Collection<String> setIds) {
        for (String setId : setIds) {
            if (users.merge(setId, -1, Integer::sum) == 0) {
                users.remove(setId);
                index.removeSet(setId);
                unreadable.remove(Keys.peerSet(setId).path());
            }
        }
    }

    PeerView view() {
        return index;
    }

    boolean isKnown(int identity) {
        return index.isKnown(identity);
    }

    Set<Integer> known() {
        return index.known();
    }

    Set<String> setsOf(int identity) {
        return index.setsOf(identity);
    }

    /** Keys whose values are not what they should be, with the reason; what they said before still holds. */
    Map<String, String> unreadable() {
        return Collections.unmodifiableMap(unreadable);
    }

    private void read(String setId, Entry entry, Changes changes) {
        try {
            PeerSet set = entry.read(PeerSet.parser());
            index.putSet(setId, set, entry.modRevision())
                    .forEach((IntConsumer) identity -> changes.moved().add(identity));
            unreadable.remove(entry.key());
        } catch (UnreadableValueException | IllegalArgumentException e) {
            unreadable.put(entry.key(), e.getMessage());
        }
    }

    private void learn(Entry entry, Changes changes) {
        try {
            IdentityPolicy policy = entry.read(IdentityPolicy.parser());
            int identity = identity(entry);
            boolean known = index.isKnown(identity);
            Set<String> changed = index.putIdentity(identity, policy.getSetsList(), entry.modRevision());
            unreadable.remove(entry.key());
            if (!known) {
                changes.introduced().add(identity);
            } else if (!changed.isEmpty()) {
                changes.moved().add(identity);
            }
        } catch (UnreadableValueException e) {
            unreadable.put(entry.key(), e.getMessage());
        }
    }

    private static int identity(Entry entry) {
        return Keys.identityNumber(Keys.IDENTITY_POLICIES.parts(entry.key())[0]);
    }
}

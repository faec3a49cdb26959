package io.pilus.model;

import io.pilus.contract.Identities;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.PeerSet;
import java.io.IOException;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.roaringbitmap.ImmutableBitmapDataProvider;
import org.roaringbitmap.IntConsumer;
import org.roaringbitmap.RoaringBitmap;

/**
 * Which identity is in which peer set, from the keys in {@code cluster/policy/}: the younger of an identity's key and a set's
 * key says so; at one revision both say the same. An identity is known once it has a key. Keys may come in any order. Not
 * for several threads.
 */
public final class PeerIndex implements PeerView {

    private static final RoaringBitmap NOBODY = new RoaringBitmap();

    private final Map<Integer, Holder> identities = new HashMap<>();
    private final Map<String, Known> sets = new HashMap<>();
    /** By set: the identities whose own key names it, whether or not that key is the younger. */
    private final Map<String, RoaringBitmap> claims = new HashMap<>();

    private long youngestSet;

    @Override
    public @Nullable ImmutableBitmapDataProvider identities(String setId) {
        Known set = sets.get(setId);
        return set == null || set.addresses != null ? null : set.effective;
    }

    @Override
    public @Nullable Addresses addresses(String setId) {
        Known set = sets.get(setId);
        return set == null ? null : set.addresses;
    }

    /** The identities that are in the set and not in {@code wanted}, or the other way round. */
    public RoaringBitmap difference(String setId, RoaringBitmap wanted) {
        Known set = sets.get(setId);
        return RoaringBitmap.xor(wanted, set == null ? NOBODY : set.effective);
    }

    /** Whether the identity has a key here. */
    public boolean isKnown(int identity) {
        return identities.containsKey(identity);
    }

    /** The identities that have a key here. */
    public Set<Integer> known() {
        return Collections.unmodifiableSet(identities.keySet());
    }

    /** The sets that hold the identity now. */
    public Set<String> setsOf(int identity) {
        Holder holder = identities.get(identity);
        return holder == null ? Set.of() : Collections.unmodifiableSet(holder.effective);
    }

    /**
     * A set was written.
     *
     * @return the identities that came into the set or left it; of a set that was not here, all its members
     * @throws IllegalArgumentException when its members are not readable
     */
    public RoaringBitmap putSet(String setId, PeerSet value, long modRevision) {
        RoaringBitmap written = read(setId, value);
        Known before = sets.get(setId);
        var set = new Known(modRevision, written, value.hasAddresses() ? value.getAddresses() : null);
        sets.put(setId, set);
        youngestSet = Math.max(youngestSet, modRevision);
        RoaringBitmap candidates = RoaringBitmap.or(written, claims.getOrDefault(setId, NOBODY));
        candidates.forEach((IntConsumer) identity -> {
            if (decide(setId, set, identity)) {
                set.effective.add(identity);
            }
        });
        RoaringBitmap changed =
                before == null ? set.effective.clone() : RoaringBitmap.xor(before.effective, set.effective);
        changed.forEach((IntConsumer) identity -> note(identity, setId, set.effective.contains(identity)));
        return changed;
    }

    /**
     * A set was deleted.
     *
     * @return the identities that were in it
     */
    public RoaringBitmap removeSet(String setId) {
        Known before = sets.remove(setId);
        if (before == null) {
            return NOBODY.clone();
        }
        before.effective.forEach((IntConsumer) identity -> note(identity, setId, false));
        return before.effective;
    }

    /**
     * An identity was written.
     *
     * @return the sets that it came into or left
     */
    public Set<String> putIdentity(int identity, List<String> setIds, long modRevision) {
        Holder before = identities.get(identity);
        var holder = new Holder(modRevision, Set.copyOf(setIds));
        if (before != null) {
            holder.effective.addAll(before.effective);
            before.claimed.forEach(setId -> claims(setId).remove(identity));
        }
        identities.put(identity, holder);
        holder.claimed.forEach(setId -> claims(setId).add(identity));
        Set<String> candidates = new LinkedHashSet<>(holder.effective);
        candidates.addAll(holder.claimed);
        if (modRevision < youngestSet) {
            candidates.addAll(sets.keySet());
        }
        return decideAll(identity, candidates);
    }

    /**
     * An identity was deleted.
     *
     * @return the sets that it was in
     */
    public Set<String> removeIdentity(int identity) {
        Holder before = identities.remove(identity);
        if (before == null) {
            return Set.of();
        }
        before.claimed.forEach(setId -> claims(setId).remove(identity));
        return decideAll(identity, before.effective);
    }

    private Set<String> decideAll(int identity, Set<String> candidates) {
        Set<String> changed = new HashSet<>();
        for (String setId : List.copyOf(candidates)) {
            Known set = sets.get(setId);
            if (set == null) {
                continue;
            }
            boolean holds = decide(setId, set, identity);
            if (holds != set.effective.contains(identity)) {
                changed.add(setId);
                if (holds) {
                    set.effective.add(identity);
                } else {
                    set.effective.remove(identity);
                }
                note(identity, setId, holds);
            }
        }
        return changed;
    }

    private boolean decide(String setId, Known set, int identity) {
        if (Identities.isReserved(identity)) {
            return set.written.contains(identity);
        }
        Holder holder = identities.get(identity);
        if (holder == null) {
            return false;
        }
        return holder.revision >= set.revision ? holder.claimed.contains(setId) : set.written.contains(identity);
    }

    private void note(int identity, String setId, boolean holds) {
        Holder holder = identities.get(identity);
        if (holder != null) {
            if (holds) {
                holder.effective.add(setId);
            } else {
                holder.effective.remove(setId);
            }
        }
    }

    private RoaringBitmap claims(String setId) {
        return claims.computeIfAbsent(setId, _ -> new RoaringBitmap());
    }

    private static RoaringBitmap read(String setId, PeerSet value) {
        var members = new RoaringBitmap();
        if (!value.getIdentities().isEmpty()) {
            try {
                members.deserialize(value.getIdentities().asReadOnlyByteBuffer());
            } catch (IOException | RuntimeException e) {
                throw new IllegalArgumentException("the members of set " + setId + " are not readable", e);
            }
        }
        return members;
    }

    private static final class Holder {
        final long revision;
        final Set<String> claimed;
        final Set<String> effective = new HashSet<>();

        Holder(long revision, Set<String> claimed) {
            this.revision = revision;
            this.claimed = claimed;
        }
    }

    private static final class Known {
        final long revision;
        final RoaringBitmap written;
        final RoaringBitmap effective = new RoaringBitmap();
        final @Nullable Addresses addresses;

        Known(long revision, RoaringBitmap written, @Nullable Addresses addresses) {
            this.revision = revision;
            this.written = written;
            this.addresses = addresses;
        }
    }
}

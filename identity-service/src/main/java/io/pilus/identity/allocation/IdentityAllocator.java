package io.pilus.identity.allocation;

import io.pilus.contract.Keys;
import io.pilus.contract.LabelSets;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityNumber;
import io.pilus.contract.v1.IdentityState;
import io.pilus.contract.v1.LabelSet;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.TransactionResult;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityConfig;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;

/**
 * Gives every label set one number. It never writes: it hands out a {@link Claim} that the caller adds to the transaction which
 * writes the user of the identity, so that the pair of keys and its first user appear together, in one round trip.
 * The claim rests on what this replica remembers; when that is out of date the transaction fails and {@link #refused} says how to
 * go on.
 */
@ApplicationScoped
public class IdentityAllocator {

    private final EtcdStore store;
    private final Numbers numbers;
    private final RecentIdentities recent = new RecentIdentities();

    public IdentityAllocator(EtcdStore store, IdentityConfig config) {
        this.store = store;
        this.numbers = new Numbers(store, config);
    }

    /** What to try for the label set. Every claim ends in one of the other methods, unless the transaction's outcome is unknown. */
    public Claim claim(LabelSet labelSet) {
        String hash = LabelSets.hash(labelSet);
        RecentIdentities.Recent entry = recent.get(hash);
        return entry == null
                ? fresh(labelSet, hash)
                : new Claim.Known(labelSet, hash, entry.id(), entry.modRevision(), entry.retiring());
    }

    /** The transaction took place, at this revision. */
    public void granted(Claim claim, long revision) {
        switch (claim) {
            case Claim.Fresh fresh -> recent.put(fresh.hash(), fresh.id(), revision, false);
            case Claim.Known known when known.retiring() -> recent.put(known.hash(), known.id(), revision, false);
            case Claim.Known _ -> {}
        }
    }

    /** The claim will not be used, and no transaction with it took place. */
    public void unused(Claim claim) {
        if (claim instanceof Claim.Fresh fresh) {
            numbers.giveBack(fresh.id());
        }
    }

    /**
     * The transaction did not take place.
     *
     * @param seen holds what {@link Claim#reads} wanted
     * @return what to try next; the same claim when it was not the claim that stood in the way
     */
    public Claim refused(Claim claim, TransactionResult seen) {
        Optional<Versioned<IdentityNumber>> number = seen.read(Keys.labels(claim.hash()));
        return switch (claim) {
            case Claim.Fresh fresh
            when number.isPresent() -> {
                numbers.giveBack(fresh.id());
                yield lookUp(claim.labelSet(), claim.hash());
            }
            case Claim.Fresh fresh
            when seen.read(Keys.identity(fresh.id())).isPresent()
                    || seen.read(Keys.freedNumber(fresh.id())).isPresent() -> fresh(claim.labelSet(), claim.hash());
            case Claim.Fresh fresh -> fresh;
            case Claim.Known _
            when number.isEmpty() -> {
                recent.remove(claim.hash());
                yield fresh(claim.labelSet(), claim.hash());
            }
            case Claim.Known known
            when number.get().value().getId() == known.id() ->
                known(claim.labelSet(), claim.hash(), known.id(), seen.read(Keys.identity(known.id())));
            case Claim.Known _ -> lookUp(claim.labelSet(), claim.hash());
        };
    }

    private Claim lookUp(LabelSet labelSet, String hash) {
        Optional<Versioned<IdentityNumber>> number = store.get(Keys.labels(hash));
        while (number.isPresent()) {
            int id = number.get().value().getId();
            TransactionResult pair = store.transaction()
                    .getting(List.of(Keys.labels(hash), Keys.identity(id)))
                    .commit();
            number = pair.read(Keys.labels(hash));
            if (number.isPresent() && number.get().value().getId() == id) {
                return known(labelSet, hash, id, pair.read(Keys.identity(id)));
            }
        }
        recent.remove(hash);
        return fresh(labelSet, hash);
    }

    private Claim known(LabelSet labelSet, String hash, int id, Optional<Versioned<Identity>> found) {
        Versioned<Identity> identity = found.orElseThrow(() -> new IllegalStateException(
                "%s names identity %d, which %s does not have".formatted(Keys.labels(hash), id, Keys.identity(id))));
        boolean retiring = identity.value().getState() != IdentityState.IDENTITY_STATE_LIVE;
        recent.put(hash, id, identity.modRevision(), retiring);
        return new Claim.Known(labelSet, hash, id, identity.modRevision(), retiring);
    }

    private Claim fresh(LabelSet labelSet, String hash) {
        return new Claim.Fresh(labelSet, hash, numbers.next());
    }
}

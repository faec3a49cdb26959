package io.pilus.identity.allocation;

import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityNumber;
import io.pilus.contract.v1.IdentityState;
import io.pilus.contract.v1.LabelSet;
import io.pilus.etcd.Transaction;
import java.util.List;

/** How a transaction may use the identity of a label set, as far as this replica knows; the transaction's conditions find out. */
public sealed interface Claim {

    int id();

    LabelSet labelSet();

    /** Of {@link #labelSet}. */
    String hash();

    /** Adds the conditions under which the claim is good, and the writes that make it so. */
    void addTo(Transaction transaction);

    /** What to read when the transaction fails: see {@link IdentityAllocator#refused}. */
    default List<Key<?>> reads() {
        return List.of(Keys.labels(hash()), Keys.identity(id()), Keys.freedNumber(id()));
    }

    /** The label set has no identity yet; this number is free. */
    record Fresh(LabelSet labelSet, String hash, int id) implements Claim {

        @Override
        public void addTo(Transaction transaction) {
            transaction
                    .ifAbsent(Keys.labels(hash))
                    .ifAbsent(Keys.identity(id))
                    .ifAbsent(Keys.freedNumber(id))
                    .put(Keys.identity(id), live(id, labelSet))
                    .put(
                            Keys.labels(hash),
                            IdentityNumber.newBuilder().setId(id).build());
        }
    }

    /**
     * The label set has this identity.
     *
     * @param modRevision of the identity's key: whoever retires it changes that, and so does whoever turns it back to live
     */
    record Known(LabelSet labelSet, String hash, int id, long modRevision, boolean retiring) implements Claim {

        @Override
        public void addTo(Transaction transaction) {
            transaction.ifModRevision(Keys.identity(id), modRevision);
            if (retiring) {
                transaction.put(Keys.identity(id), live(id, labelSet));
            }
        }
    }

    private static Identity live(int id, LabelSet labelSet) {
        return Identity.newBuilder()
                .setId(id)
                .setLabelSet(labelSet)
                .setState(IdentityState.IDENTITY_STATE_LIVE)
                .build();
    }
}

package io.pilus.identity.workload;

import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Owner;
import io.pilus.contract.v1.Workload;
import io.pilus.contract.v1.WorkloadLocation;
import io.pilus.etcd.Transaction;
import io.pilus.identity.allocation.Claim;
import java.util.ArrayList;
import java.util.List;

/** A workload that is to be written for the first time, and what has to hold for that. */
record Creation(WorkloadSpec spec, String uid, Owner owner, Claim claim) {

    Key<Workload> key() {
        return Keys.workload(spec.node(), uid);
    }

    Key<WorkloadLocation> location() {
        return Keys.workloadLocation(spec.namespace(), spec.name());
    }

    Creation with(Claim other) {
        return new Creation(spec, uid, owner, other);
    }

    /** What must be there before the workload can be. */
    List<Key<?>> surroundings() {
        List<Key<?>> keys = new ArrayList<>(List.of(Keys.namespace(spec.namespace()), Keys.intentNode(spec.node())));
        if (!spec.pool().isEmpty()) {
            keys.add(Keys.pool(spec.pool()));
        }
        return keys;
    }

    /** Adds everything but the {@link #surroundings}, which several creations may share. */
    Workload addTo(Transaction transaction, long policyFloor) {
        Workload workload = spec.toMessage(uid, owner, claim, policyFloor);
        transaction
                .ifAbsent(location())
                .put(key(), workload)
                .put(
                        location(),
                        WorkloadLocation.newBuilder()
                                .setNode(spec.node())
                                .setUid(uid)
                                .build());
        claim.addTo(transaction);
        return workload;
    }
}

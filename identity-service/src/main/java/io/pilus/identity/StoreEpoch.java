package io.pilus.identity;

import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.StoreGuard;
import io.pilus.identity.alarm.Alarms;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Optional;
import java.util.stream.Stream;

/** Gives an empty store its id. A store that has nodes or identities but no id has lost it: agents treat it as a stranger. */
@ApplicationScoped
public class StoreEpoch {

    private static final String SUBJECT = "store";

    private final EpochStore epochs;
    private final EtcdStore store;
    private final StoreGuard guard;
    private final Alarms alarms;
    private volatile boolean known;

    StoreEpoch(EpochStore epochs, EtcdStore store, StoreGuard guard, Alarms alarms) {
        this.epochs = epochs;
        this.store = store;
        this.guard = guard;
        this.alarms = alarms;
    }

    /** Called before the first node is written, and by every replica when it starts. */
    public void ensure() {
        Optional<String> refusal = guard.refusal();
        if (refusal.isPresent()) {
            alarms.raise(SUBJECT, "store-stranger", refusal.get());
            return;
        }
        if (known) {
            alarms.clear(SUBJECT);
            return;
        }
        if (epochs.find().isEmpty()) {
            if (hasState()) {
                alarms.raise(
                        SUBJECT,
                        "epoch-missing",
                        "the store has nodes or identities but no key %s: agents keep what they have and take nothing from it;"
                                        .formatted(Keys.EPOCH)
                                + " put etcd's data back from a backup that has the key");
                return;
            }
            epochs.findOrCreate();
        }
        alarms.clear(SUBJECT);
        known = true;
    }

    private boolean hasState() {
        return Stream.<KeyRange<?>>of(Keys.INTENT_NODES, Keys.IDENTITIES, Keys.ENDPOINTS)
                .anyMatch(range -> !store.list(range, null, 1, 0).items().isEmpty());
    }
}

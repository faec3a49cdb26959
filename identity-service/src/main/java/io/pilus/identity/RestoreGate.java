package io.pilus.identity;

import io.pilus.etcd.EpochStore;
import io.pilus.etcd.StoreId;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Optional;

/** Closed from a restore until all that nodes have is in the store again: a label set may have a number that the store does not know. */
@ApplicationScoped
public class RestoreGate {

    private final EpochStore epochs;
    private volatile boolean open;

    public RestoreGate(EpochStore epochs) {
        this.epochs = epochs;
    }

    /**
     * @throws IdentityProblem while it is closed
     */
    public void require() {
        if (!open && !isOpen()) {
            throw IdentityProblem.storeRestored();
        }
    }

    /** It does not close again in one life of this process: that ends when the store is restored. */
    private boolean isOpen() {
        Optional<StoreId> epoch = epochs.find();
        if (epoch.isEmpty()) {
            return true;
        }
        open = epochs.isAdopted(epoch.get());
        return open;
    }
}

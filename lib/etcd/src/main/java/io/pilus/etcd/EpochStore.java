package io.pilus.etcd;

import io.etcd.jetcd.Client;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.kv.GetResponse;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Epoch;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;

/** The key {@code epoch}: which store this is, and how often it was restored. */
@ApplicationScoped
public class EpochStore {

    private final KV kv;
    private final EtcdStore store;
    private final Duration timeout;

    public EpochStore(Client client, EtcdStore store, EtcdConfig config) {
        this.kv = client.getKVClient();
        this.store = store;
        this.timeout = config.timeout();
    }

    /**
     * The store's id, or empty as long as nobody has given it one.
     *
     * @throws EtcdUnavailableException when etcd does not answer
     */
    public Optional<StoreId> find() {
        GetResponse response =
                EtcdCalls.await(kv.get(EtcdStore.bytes(Keys.EPOCH.path())), timeout, "get " + Keys.EPOCH);
        return response.getKvs().stream()
                .findFirst()
                .map(found -> EtcdStore.read(found, Epoch.parser()).value())
                .map(epoch -> new StoreId(
                        epoch.getClusterId(),
                        epoch.getRestores(),
                        response.getHeader().getClusterId()));
    }

    /** The store's id; gives it one when it has none. Of several processes that do so at once, one wins and all answer the same. */
    public StoreId findOrCreate() {
        Optional<StoreId> found = find();
        if (found.isPresent()) {
            return found.get();
        }
        store.transaction()
                .ifAbsent(Keys.EPOCH)
                .put(
                        Keys.EPOCH,
                        Epoch.newBuilder()
                                .setClusterId(UUID.randomUUID().toString())
                                .build())
                .commit();
        return find().orElseThrow(
                        () -> new IllegalStateException(Keys.EPOCH + " was deleted while the store was given its id"));
    }

    /**
     * Whether all that nodes have is in this store again since it was restored last; also when it never was.
     *
     * @throws EtcdUnavailableException when etcd does not answer
     */
    public boolean isAdopted(StoreId id) {
        return id.restores() == 0
                || store.get(Keys.CLUSTER_ADOPTED)
                        .filter(adopted -> adopted.value().getRestores() == id.restores())
                        .isPresent();
    }

    /**
     * Counts a restore, after a backup has been put back.
     *
     * @throws IllegalStateException when the store has no id, or somebody else counted at the same time
     */
    public StoreId countRestore() {
        Versioned<Epoch> seen = store.get(Keys.EPOCH)
                .orElseThrow(() -> new IllegalStateException(
                        "the restored store has no key " + Keys.EPOCH + ": it is not a backup of a Pilus store"));
        Epoch next = seen.value().toBuilder()
                .setRestores(seen.value().getRestores() + 1)
                .build();
        if (!store.transaction()
                .ifUnchanged(seen)
                .put(Keys.EPOCH, next)
                .commit()
                .succeeded()) {
            throw new IllegalStateException("somebody else has changed " + Keys.EPOCH + " at the same time");
        }
        return find().orElseThrow();
    }
}

package io.pilus.etcd;

import com.google.protobuf.MessageLite;
import io.pilus.contract.Key;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What became of a transaction.
 *
 * @param succeeded whether its conditions held, and so its writes took place
 * @param revision the store's revision after it; when it wrote, the revision of its writes
 * @param read one entry a key of {@link Transaction#getting}, or of {@link Transaction#orElseGetting} when the conditions did not hold;
 *     null where the key does not exist
 */
public record TransactionResult(boolean succeeded, long revision, List<@Nullable Versioned<?>> read) {
    public TransactionResult {
        read = Collections.unmodifiableList(new ArrayList<>(read));
    }

    /** What was read of one key, which must be among those that the transaction was to read. */
    @SuppressWarnings("unchecked") // a key's path says what its value is
    public <M extends MessageLite> Optional<Versioned<M>> read(Key<M> key) {
        for (Versioned<?> found : read) {
            if (found != null && found.key().equals(key.path())) {
                return Optional.of((Versioned<M>) found);
            }
        }
        return Optional.empty();
    }
}

package io.pilus.etcd;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What became of a transaction.
 *
 * @param succeeded whether its conditions held, and so its writes took place
 * @param revision the store's revision after it; when it wrote, the revision of its writes
 * @param read one entry a key of {@link Transaction#getting}, null where the key does not exist
 */
public record TransactionResult(boolean succeeded, long revision, List<@Nullable Versioned<?>> read) {
    public TransactionResult {
        read = Collections.unmodifiableList(new ArrayList<>(read));
    }
}

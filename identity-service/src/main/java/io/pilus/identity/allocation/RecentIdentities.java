package io.pilus.identity.allocation;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The identities that this replica used last, by the hash of their label sets. May be out of date: transactions find out. */
final class RecentIdentities {

    private static final int CAPACITY = 1 << 16;

    record Recent(int id, long modRevision, boolean retiring) {}

    private final Map<String, Recent> entries = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Recent> eldest) {
            return size() > CAPACITY;
        }
    };

    synchronized @Nullable Recent get(String hash) {
        return entries.get(hash);
    }

    /** Never replaces what is newer. */
    synchronized void put(String hash, int id, long modRevision, boolean retiring) {
        entries.merge(
                hash,
                new Recent(id, modRevision, retiring),
                (old, now) -> old.modRevision() > now.modRevision() ? old : now);
    }

    synchronized void remove(String hash) {
        entries.remove(hash);
    }
}

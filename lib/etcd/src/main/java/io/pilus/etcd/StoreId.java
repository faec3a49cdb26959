package io.pilus.etcd;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which store this is. Whoever acts on what a store lacks compares this with the store that it knows: another id is a stranger.
 *
 * @param clusterId drawn when Pilus first used the store (key {@code epoch}); stays through restores
 * @param restores how often the store was restored from a backup (key {@code epoch})
 * @param etcdClusterId etcd's own cluster id: differs when the etcd cluster was made anew
 */
public record StoreId(String clusterId, long restores, long etcdClusterId) {

    private static final Pattern TEXT = Pattern.compile("([^/]+)/(\\d+)/([0-9a-f]+)");

    /**
     * Reads what {@link #toString} wrote.
     *
     * @throws IllegalArgumentException when it is something else
     */
    public static StoreId parse(String text) {
        Matcher parts = TEXT.matcher(text);
        if (!parts.matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a store id; it has the form cluster/restores/etcd-cluster");
        }
        return new StoreId(parts.group(1), Long.parseLong(parts.group(2)), Long.parseUnsignedLong(parts.group(3), 16));
    }

    /** Whether this is what became of the other when a backup of it was put back, and that was counted. */
    public boolean isRestorationOf(StoreId other) {
        return clusterId.equals(other.clusterId) && restores > other.restores;
    }

    @Override
    public String toString() {
        return clusterId + "/" + restores + "/" + Long.toHexString(etcdClusterId);
    }
}

package io.pilus.node.state;

/**
 * Which store this is: key {@code epoch}. A store with another id, or the same restored from a backup, is a stranger.
 *
 * @param restores how often it was restored
 */
public record StoreId(String clusterId, long restores) {

    @Override
    public String toString() {
        return clusterId + " (restored " + restores + " times)";
    }
}

package io.pilus.messaging.etcd;

import io.pilus.etcd.StoreId;
import java.util.Optional;

/**
 * Where an incoming channel's consumer left off in an earlier life. A bean with {@code @Identifier("x")}, named by the channel's
 * attribute {@code resume=x}; asked once, when the channel starts.
 */
@FunctionalInterface
public interface ResumePoint {

    /** Empty to begin with a Snapshot. */
    Optional<Position> position();

    /**
     * What the consumer has applied.
     *
     * @param store as the last Snapshot said
     * @param revision of the last change, Snapshot or Revision
     */
    record Position(StoreId store, long revision) {}
}

package io.pilus.messaging.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.pilus.messaging.etcd.wire.Event;
import io.pilus.messaging.etcd.wire.WatchResponse;
import java.util.ArrayList;
import java.util.List;

/**
 * Puts a watch's events together to whole revisions. etcd sends all events of a revision in one response, unless it cuts the response
 * into fragments; so a revision is whole when an event of a higher one follows, or the last fragment has ended.
 */
final class Revisions {

    private final List<EtcdChange.Event> open = new ArrayList<>();
    private long openRevision;
    private long last;

    /**
     * @param last the revision behind which the watch starts
     */
    Revisions(long last) {
        this.last = last;
    }

    /** The revisions that this response completes, in order. */
    List<EtcdChange.Revision> add(WatchResponse response) {
        List<EtcdChange.Revision> whole = new ArrayList<>();
        for (Event event : response.getEventsList()) {
            long revision = event.getKv().getModRevision();
            if (revision <= last || revision < openRevision) {
                throw new IllegalStateException(
                        "etcd sent revision " + revision + " after revision " + Math.max(last, openRevision));
            }
            if (revision > openRevision) {
                close(whole);
                openRevision = revision;
            }
            open.add(read(event));
        }
        if (!response.getFragment()) {
            close(whole);
        }
        return whole;
    }

    /** Whether nothing is held back for its other half. */
    boolean isWhole() {
        return open.isEmpty();
    }

    private void close(List<EtcdChange.Revision> whole) {
        if (!open.isEmpty()) {
            whole.add(new EtcdChange.Revision(open, openRevision));
            last = openRevision;
            open.clear();
        }
    }

    private static EtcdChange.Event read(Event event) {
        String key = event.getKv().getKey().toString(UTF_8);
        return event.getType() == Event.Type.DELETE
                ? new EtcdChange.Event.Deleted(key)
                : new EtcdChange.Event.Put(
                        key,
                        ByteSequence.from(event.getKv().getValue()),
                        event.getKv().getModRevision());
    }
}

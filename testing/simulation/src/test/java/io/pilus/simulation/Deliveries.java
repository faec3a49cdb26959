package io.pilus.simulation;

import static java.util.Objects.requireNonNull;

import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.messaging.etcd.EtcdChange.Entry;
import io.pilus.messaging.etcd.EtcdChange.Event;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Brings watchers what they watch, when the simulation wants them to have it. */
final class Deliveries {

    private Deliveries() {}

    /**
     * Brings a consumer some revisions further; with a whole snapshot at first and where history is lost.
     *
     * @param seen up to where it has come, 0 for nowhere
     * @param most so many revisions at most
     * @return up to where it has come then
     */
    static long deliver(SimulatedEtcd etcd, long seen, String prefix, int most, Consumer<EtcdChange> to) {
        if (seen < etcd.firstKept() - 1 || seen == 0) {
            to.accept(new EtcdChange.Snapshot(
                    etcd.list(prefix).stream()
                            .map(found -> new Entry(found.key(), requireNonNull(found.value()), found.revision()))
                            .toList(),
                    etcd.revision(),
                    null));
            return etcd.revision();
        }
        long at = seen;
        for (int given = 0; at < etcd.revision() && given < most; ) {
            at++;
            List<Event> events = null;
            for (Change change : etcd.changes(at)) {
                if (change.key().startsWith(prefix)) {
                    events = events == null ? new ArrayList<>(4) : events;
                    events.add(
                            change.value() == null
                                    ? new Event.Deleted(change.key())
                                    : new Event.Put(change.key(), change.value(), at));
                }
            }
            if (events != null) {
                given++;
                to.accept(new EtcdChange.Revision(events, at));
            }
        }
        return at;
    }
}

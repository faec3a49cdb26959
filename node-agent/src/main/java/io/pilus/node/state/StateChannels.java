package io.pilus.node.state;

import com.google.protobuf.ByteString;
import io.etcd.jetcd.ByteSequence;
import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.messaging.etcd.ResumePoint;
import io.quarkus.arc.All;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.common.annotation.Identifier;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Produces;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.eclipse.microprofile.reactive.messaging.Incoming;

/** Takes what etcd says into the views, and has everybody follow, one revision after another. */
@ApplicationScoped
class StateChannels {

    static final String CLUSTER = "cluster-changes";
    static final String NODE = "node-changes";

    private final NodeState state;
    private final List<StateListener> listeners;

    StateChannels(NodeState state, @All List<StateListener> listeners) {
        this.state = state;
        this.listeners = listeners;
    }

    /** Before the channels start: the kernel follows what is on disk, with or without a store. */
    void start(@Observes @Priority(1) StartupEvent event) {
        state.lock().lock();
        try {
            listeners.forEach(StateListener::loaded);
        } finally {
            state.lock().unlock();
        }
    }

    @Incoming(CLUSTER)
    @RunOnVirtualThread
    void cluster(EtcdChange change) {
        apply(change, state.clusterMirror(), StateListener::clusterChanged);
    }

    @Incoming(NODE)
    @RunOnVirtualThread
    void node(EtcdChange change) {
        apply(change, state.nodeMirror(), (listener, delta) -> listener.nodeChanged(delta));
    }

    @Produces
    @ApplicationScoped
    @Identifier(CLUSTER)
    ResumePoint clusterResume() {
        return () -> position(state.clusterMirror());
    }

    @Produces
    @ApplicationScoped
    @Identifier(NODE)
    ResumePoint nodeResume() {
        return () -> position(state.nodeMirror());
    }

    private Optional<ResumePoint.Position> position(Mirror mirror) {
        state.lock().lock();
        try {
            return mirror.whole()
                    ? mirror.store().map(store -> new ResumePoint.Position(store, mirror.revision()))
                    : Optional.empty();
        } finally {
            state.lock().unlock();
        }
    }

    private void apply(EtcdChange change, Mirror mirror, BiConsumer<StateListener, Delta> tell) {
        state.lock().lock();
        try {
            Optional<Delta> delta = switch (change) {
                case EtcdChange.Snapshot all ->
                    mirror.replace(
                            all.store(),
                            all.revision(),
                            all.entries().stream()
                                    .map(entry -> entry(entry.key(), entry.value(), entry.modRevision()))
                                    .toList());
                case EtcdChange.Revision revision -> mirror.advance(update(revision));
            };
            delta.ifPresent(changed -> {
                if (mirror == state.nodeMirror()) {
                    state.node().index(changed);
                }
                listeners.forEach(listener -> tell.accept(listener, changed));
            });
        } finally {
            state.lock().unlock();
        }
    }

    private static Update update(EtcdChange.Revision revision) {
        List<Entry> puts = new ArrayList<>();
        List<String> gone = new ArrayList<>();
        for (EtcdChange.Event event : revision.events()) {
            switch (event) {
                case EtcdChange.Event.Put put -> puts.add(entry(put.key(), put.value(), put.modRevision()));
                case EtcdChange.Event.Deleted deleted -> gone.add(deleted.key());
            }
        }
        return new Update(revision.revision(), puts, gone);
    }

    private static Entry entry(String key, ByteSequence value, long modRevision) {
        return new Entry(key, ByteString.copyFrom(value.getBytes()), modRevision);
    }
}

package io.pilus.node.state;

import com.google.protobuf.UnsafeByteOperations;
import io.etcd.jetcd.ByteSequence;
import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.messaging.etcd.ResumePoint;
import io.quarkus.arc.All;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.common.annotation.Identifier;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Produces;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.eclipse.microprofile.reactive.messaging.Incoming;
import org.jboss.logging.Logger;

/** Takes what etcd says into the views, and has everybody follow, one revision after another. */
@ApplicationScoped
class StateChannels {

    static final String CLUSTER = "cluster-changes";
    static final String NODE = "node-changes";

    private static final Logger LOG = Logger.getLogger(StateChannels.class);

    /** How long a revision may be in memory alone: what a power cut costs, and the store still has. */
    private static final int FORCE_SECONDS = 1;

    /** How long a listener that failed is left alone when nothing changes. */
    private static final int RETRY_SECONDS = 5;

    /** How long after everything was read the memory that this took is given back. */
    private static final int GIVE_BACK_SECONDS = 3;

    private final NodeState state;
    private final List<StateListener> listeners;
    private final Set<StateListener> failed = Collections.newSetFromMap(new IdentityHashMap<>());
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
            Thread.ofVirtual().name("state").factory());

    StateChannels(NodeState state, @All List<StateListener> listeners) {
        this.state = state;
        // injected with the highest priority first
        this.listeners = listeners.reversed();
        state.onAdopt(this::adopt);
    }

    /** Before the channels start: the kernel follows what is on disk, with or without a store. */
    void start(@Observes @Priority(1) StartupEvent event) {
        failed.addAll(listeners);
        retry();
        var _ = timer.scheduleWithFixedDelay(state::force, FORCE_SECONDS, FORCE_SECONDS, TimeUnit.SECONDS);
        var _ = timer.scheduleWithFixedDelay(this::retry, RETRY_SECONDS, RETRY_SECONDS, TimeUnit.SECONDS);
        giveBackMemory();
    }

    void stop(@Observes ShutdownEvent event) {
        timer.shutdownNow();
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

    /** Reading everything takes twice what is kept of it, and no collection would be due for hours. */
    private void giveBackMemory() {
        var _ = timer.schedule(System::gc, GIVE_BACK_SECONDS, TimeUnit.SECONDS);
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
            delta.ifPresent(changed -> follow(changed, mirror, tell));
            if (change instanceof EtcdChange.Snapshot && !timer.isShutdown()) {
                giveBackMemory();
            }
        } finally {
            state.lock().unlock();
        }
    }

    private void follow(Delta changed, Mirror mirror, BiConsumer<StateListener, Delta> tell) {
        if (mirror == state.nodeMirror()) {
            state.node().index(changed);
        }
        listeners.forEach(listener -> tell(listener, changed, tell));
    }

    private void adopt() {
        state.clusterMirror()
                .adopt()
                .ifPresent(changed -> follow(changed, state.clusterMirror(), StateListener::clusterChanged));
        state.nodeMirror()
                .adopt()
                .ifPresent(changed ->
                        follow(changed, state.nodeMirror(), (listener, delta) -> listener.nodeChanged(delta)));
    }

    private void retry() {
        state.lock().lock();
        try {
            listeners.stream().filter(failed::contains).forEach(this::load);
        } finally {
            state.lock().unlock();
        }
    }

    private void tell(StateListener listener, Delta delta, BiConsumer<StateListener, Delta> tell) {
        if (failed.contains(listener)) {
            load(listener);
            return;
        }
        try {
            tell.accept(listener, delta);
        } catch (RuntimeException e) {
            failed.add(listener);
            LOG.errorf(e, "revision %d is not realised; beginning anew", delta.revision());
            load(listener);
        }
    }

    private void load(StateListener listener) {
        try {
            listener.loaded();
            failed.remove(listener);
        } catch (RuntimeException e) {
            failed.add(listener);
            LOG.errorf(e, "what is known is not realised; trying again in %d s", RETRY_SECONDS);
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
        return new Entry(key, UnsafeByteOperations.unsafeWrap(value.getBytes()), modRevision);
    }
}

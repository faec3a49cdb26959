package io.pilus.policy.enforcement;

import io.pilus.contract.Keys;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.Liveness;
import io.pilus.contract.v1.Realised;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.UnreadableValueException;
import io.pilus.messaging.etcd.EtcdChange;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Clock;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.eclipse.microprofile.reactive.messaging.Incoming;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;
import org.roaringbitmap.RoaringBitmap;

/** What nodes say of themselves, which identities are on them, and which revisions of {@code intent/} are compiled. */
@ApplicationScoped
public class NodeStates {

    private static final Logger LOG = Logger.getLogger(NodeStates.class);

    /** How many compiled revisions are remembered; of older ones the next is taken, which asks for more than necessary. */
    private static final int REMEMBERED = 10_000;

    private final Clock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, NodeState> nodes = new TreeMap<>();
    private final Set<String> live = new HashSet<>();
    private final Map<String, Instant> fellSilent = new HashMap<>();
    /** By revision of {@code intent/}: the revision that published it. */
    private final NavigableMap<Long, Long> compiled = new TreeMap<>();

    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
    private long nodesRevision;

    /** One node. */
    private static final class NodeState {
        final Map<String, Integer> assigned = new HashMap<>();
        final Map<String, Integer> attached = new HashMap<>();
        Realised realised = Realised.getDefaultInstance();
    }

    NodeStates(Clock clock) {
        this.clock = clock;
    }

    /** Runs after every change. */
    void onChange(Runnable listener) {
        listeners.add(listener);
    }

    /** The revision at which nodes see what {@code intent/} held at this revision; empty while that is not compiled. */
    OptionalLong compiledAt(long intentRevision) {
        return locked(() -> {
            Map.Entry<Long, Long> covering = compiled.ceilingEntry(intentRevision);
            return covering == null ? OptionalLong.empty() : OptionalLong.of(covering.getValue());
        });
    }

    /** The revision up to which {@code nodes/} is known; 0 before anything was read. */
    long revision() {
        return locked(() -> nodesRevision);
    }

    /** The nodes to which a workload with one of these identities is assigned or attached. */
    Set<String> nodesOf(RoaringBitmap identities) {
        return locked(() -> {
            Set<String> found = new TreeSet<>();
            nodes.forEach((name, node) -> {
                if (node.assigned.values().stream().anyMatch(identities::contains)
                        || node.attached.values().stream().anyMatch(identities::contains)) {
                    found.add(name);
                }
            });
            return found;
        });
    }

    Realised realised(String node) {
        return locked(() -> {
            NodeState state = nodes.get(node);
            return state == null ? Realised.getDefaultInstance() : state.realised;
        });
    }

    boolean isLive(String node) {
        return locked(() -> live.contains(node));
    }

    /** When a silent node was last heard of, or null when it never was. */
    @Nullable
    Instant silentSince(String node) {
        return locked(() -> {
            Instant fell = fellSilent.get(node);
            NodeState state = nodes.get(node);
            if (fell == null && state != null && state.realised.getAtEpochMs() != 0) {
                return Instant.ofEpochMilli(state.realised.getAtEpochMs());
            }
            return fell;
        });
    }

    @Incoming("node-changes")
    @RunOnVirtualThread
    void nodes(EtcdChange change) {
        apply(change, nodes::clear, this::putOfNode, this::deletedOfNode, () -> nodesRevision = change.revision());
    }

    @Incoming("liveness-changes")
    @RunOnVirtualThread
    void liveness(EtcdChange change) {
        apply(
                change,
                live::clear,
                entry -> {
                    entry.parse(Liveness.parser());
                    String node = Keys.LIVE.parts(entry.key())[0];
                    live.add(node);
                    fellSilent.remove(node);
                },
                key -> {
                    String node = Keys.LIVE.parts(key)[0];
                    live.remove(node);
                    fellSilent.put(node, clock.instant());
                });
    }

    @Incoming("compiled-changes")
    @RunOnVirtualThread
    void compiled(EtcdChange change) {
        apply(
                change,
                compiled::clear,
                entry -> {
                    if (entry.key().equals(Keys.COMPILED.path())) {
                        long covers = entry.parse(Compiled.parser()).getRevision();
                        compiled.putIfAbsent(covers, entry.modRevision());
                        while (compiled.size() > REMEMBERED) {
                            compiled.pollFirstEntry();
                        }
                    }
                },
                _ -> {});
    }

    private void apply(EtcdChange change, Runnable clear, Consumer<EtcdChange.Entry> put, Consumer<String> deleted) {
        apply(change, clear, put, deleted, () -> {});
    }

    private void apply(
            EtcdChange change,
            Runnable clear,
            Consumer<EtcdChange.Entry> put,
            Consumer<String> deleted,
            Runnable applied) {
        locked(() -> {
            switch (change) {
                case EtcdChange.Snapshot all -> {
                    clear.run();
                    all.entries().forEach(entry -> tolerant(entry, put));
                }
                case EtcdChange.Revision one -> {
                    for (EtcdChange.Event event : one.events()) {
                        switch (event) {
                            case EtcdChange.Event.Put(var key, var value, var revision) ->
                                tolerant(new EtcdChange.Entry(key, value, revision), put);
                            case EtcdChange.Event.Deleted(var key) -> deleted.accept(key);
                        }
                    }
                }
            }
            applied.run();
            return true;
        });
        listeners.forEach(Runnable::run);
    }

    private static void tolerant(EtcdChange.Entry entry, Consumer<EtcdChange.Entry> put) {
        try {
            put.accept(entry);
        } catch (UnreadableValueException e) {
            LOG.error(e.getMessage());
        }
    }

    /** {@code nodes/{node}/workloads/{uid}}, {@code .../agent/attached/{uid}}, {@code .../agent/realised}. */
    private void putOfNode(EtcdChange.Entry entry) {
        String[] parts = partsOfNode(entry.key());
        if (parts.length < 3) {
            return;
        }
        NodeState node = nodes.computeIfAbsent(parts[0], _ -> new NodeState());
        if (entry.key().startsWith(Keys.workloadsOf(parts[0]).prefix())) {
            node.assigned.put(parts[2], entry.parse(Workload.parser()).getIdentity());
        } else if (entry.key().startsWith(Keys.attachedOf(parts[0]).prefix())) {
            node.attached.put(parts[3], entry.parse(Attached.parser()).getIdentity());
        } else if (entry.key().equals(Keys.realised(parts[0]).path())) {
            node.realised = entry.parse(Realised.parser());
        }
    }

    private void deletedOfNode(String key) {
        String[] parts = partsOfNode(key);
        NodeState node = nodes.get(parts[0]);
        if (node == null || parts.length < 3) {
            return;
        }
        if (key.startsWith(Keys.workloadsOf(parts[0]).prefix())) {
            node.assigned.remove(parts[2]);
        } else if (key.startsWith(Keys.attachedOf(parts[0]).prefix())) {
            node.attached.remove(parts[3]);
        } else if (key.equals(Keys.realised(parts[0]).path())) {
            node.realised = Realised.getDefaultInstance();
        }
    }

    private static String[] partsOfNode(String key) {
        return key.substring(Keys.NODES.length()).split("/", -1);
    }

    private <T extends @Nullable Object> T locked(Supplier<T> use) {
        lock.lock();
        try {
            return use.get();
        } finally {
            lock.unlock();
        }
    }
}

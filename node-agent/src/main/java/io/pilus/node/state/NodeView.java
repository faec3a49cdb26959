package io.pilus.node.state;

import io.pilus.contract.Key;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.UnreadableValueException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The sub-tree {@code nodes/{node}/} as this node saw it last.
 *
 * <p>Not safe for use by several threads; whoever uses it holds {@link NodeState#lock}.
 */
public final class NodeView {

    private final Mirror mirror;
    private final String node;
    private final KeyRange<Workload> workloadRange;
    private final Map<String, Workload> workloads = new HashMap<>();
    private final Map<String, String> unreadable = new HashMap<>();

    NodeView(Mirror mirror, String node) {
        this.mirror = mirror;
        this.node = node;
        this.workloadRange = Keys.workloadsOf(node);
        entries(workloadRange).forEach(this::learn);
    }

    public String node() {
        return node;
    }

    public long revision() {
        return mirror.revision();
    }

    /** Whether everything of some revision is here; before that, a missing key says nothing. */
    public boolean whole() {
        return mirror.whole();
    }

    public Optional<Workload> workload(String uid) {
        return Optional.ofNullable(workloads.get(uid));
    }

    /** The newest workload of that name. */
    public Optional<Workload> workload(String namespace, String name) {
        Workload newest = null;
        long writtenAt = -1;
        for (Workload workload : workloads.values()) {
            if (workload.getNamespace().equals(namespace) && workload.getName().equals(name)) {
                Entry entry = mirror.entries()
                        .get(Keys.workload(node, workload.getUid()).path());
                if (entry != null && entry.modRevision() > writtenAt) {
                    newest = workload;
                    writtenAt = entry.modRevision();
                }
            }
        }
        return Optional.ofNullable(newest);
    }

    public Collection<Workload> workloads() {
        return workloads.values().stream().toList();
    }

    /** The entries of a range, in key order. */
    public Collection<Entry> entries(KeyRange<?> range) {
        return mirror.entries(range);
    }

    public Optional<Entry> entry(Key<?> key) {
        return Optional.ofNullable(mirror.entries().get(key.path()));
    }

    /** Keys whose values are not what they should be, with the reason. What they said before still holds. */
    public Map<String, String> unreadable() {
        return Map.copyOf(unreadable);
    }

    void index(Delta delta) {
        for (Entry gone : delta.gone()) {
            unreadable.remove(gone.key());
            if (workloadRange.contains(gone.key())) {
                workloads.remove(workloadRange.parts(gone.key())[0]);
            }
        }
        for (Delta.Put put : delta.puts()) {
            unreadable.remove(put.now().key());
            if (workloadRange.contains(put.now().key())) {
                learn(put.now());
            }
        }
    }

    private void learn(Entry entry) {
        try {
            workloads.put(workloadRange.parts(entry.key())[0], entry.read(Workload.parser()));
        } catch (UnreadableValueException e) {
            unreadable.put(entry.key(), e.getMessage());
        }
    }
}

package io.pilus.node.state;

import io.pilus.contract.Key;
import io.pilus.etcd.StoreId;
import io.pilus.node.NodeConfig;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;

/** What this node knows: the views, the lock under which they are read and written, and what is wrong with their source. */
@Singleton
public class NodeState {

    private final Lock lock = new ReentrantLock();
    private final Mirror clusterMirror;
    private final Mirror nodeMirror;
    private final ClusterView cluster;
    private final NodeView node;
    private Runnable adoption = () -> {};

    NodeState(NodeConfig config, Clock clock) {
        Path directory = config.stateDir();
        try {
            clusterMirror = Mirror.open("the state of the cluster", directory.resolve("cluster.state"), clock);
            nodeMirror = Mirror.open("the state of this node", directory.resolve("node.state"), clock);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "pilus.node.state-dir " + directory + " cannot be used: " + e.getMessage()
                            + "; name a directory on a local disk that the agent may write",
                    e);
        }
        cluster = new ClusterView(clusterMirror);
        node = new NodeView(nodeMirror, config.name());
    }

    /** Held while a view is used, and while the kernel is brought in line with it. */
    public Lock lock() {
        return lock;
    }

    public ClusterView cluster() {
        return cluster;
    }

    public NodeView node() {
        return node;
    }

    /** The store that this node knows, once it has met one. */
    public Optional<StoreId> store() {
        lock.lock();
        try {
            return clusterMirror.store();
        } finally {
            lock.unlock();
        }
    }

    /** Why what the store says now is not taken; empty while it is. */
    public Optional<String> stranger() {
        lock.lock();
        try {
            return clusterMirror.stranger().or(nodeMirror::stranger);
        } finally {
            lock.unlock();
        }
    }

    /** What became of the known store when a backup was put back, while this node has not adopted that. */
    public Optional<StoreId> restored() {
        lock.lock();
        try {
            Optional<StoreId> ofNode = nodeMirror.restored();
            Optional<StoreId> ofCluster = clusterMirror.restored().or(clusterMirror::store);
            return ofNode.filter(store -> ofCluster.equals(Optional.of(store)));
        } finally {
            lock.unlock();
        }
    }

    /** A key under {@code nodes/} of the store that answers, adopted or not. Only with {@link #restored}, or when there is no stranger. */
    public Optional<Entry> newestOfNode(Key<?> key) {
        return nodeMirror.newest(key.path());
    }

    /** As {@link #newestOfNode}, under {@code cluster/}. */
    public Optional<Entry> newestOfCluster(Key<?> key) {
        return clusterMirror.newest(key.path());
    }

    /** Takes the restored store as the one that this node knows, and has everybody follow. Called with the lock held. */
    public void adopt() {
        adoption.run();
    }

    void onAdopt(Runnable action) {
        adoption = action;
    }

    /** What keeps the state from the disk; empty while nothing does. */
    public List<String> diskFailures() {
        lock.lock();
        try {
            return Stream.of(clusterMirror.diskFailure(), nodeMirror.diskFailure())
                    .flatMap(Optional::stream)
                    .toList();
        } finally {
            lock.unlock();
        }
    }

    Mirror clusterMirror() {
        return clusterMirror;
    }

    Mirror nodeMirror() {
        return nodeMirror;
    }

    /** Forces to the disk what is written. */
    void force() {
        lock.lock();
        try {
            clusterMirror.force();
            nodeMirror.force();
        } finally {
            lock.unlock();
        }
    }

    @PreDestroy
    void close() throws IOException {
        lock.lock();
        try (clusterMirror;
                nodeMirror) {
            force();
        } finally {
            lock.unlock();
        }
    }
}

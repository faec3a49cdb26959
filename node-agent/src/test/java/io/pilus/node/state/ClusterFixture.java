package io.pilus.node.state;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import io.pilus.contract.Key;
import io.pilus.etcd.StoreId;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;

/** A view of {@code cluster/} to which revisions come as a channel would bring them. */
public final class ClusterFixture implements AutoCloseable {

    private static final StoreId STORE = new StoreId("7c1f", 0, 0xabcL);

    private final Mirror mirror;
    private final ClusterView view;
    private final List<Entry> puts = new ArrayList<>();
    private final List<String> gone = new ArrayList<>();

    public ClusterFixture(Path directory) throws IOException {
        mirror = Mirror.open("the state of the cluster", directory.resolve("cluster.state"), Clock.systemUTC());
        mirror.replace(
                STORE,
                Math.max(1, mirror.revision()),
                List.copyOf(mirror.entries().values()));
        view = new ClusterView(mirror);
    }

    public ClusterView view() {
        return view;
    }

    /** Puts a value in the next revision. */
    public <M extends MessageLite> ClusterFixture put(Key<M> key, M value) {
        puts.removeIf(entry -> entry.key().equals(key.path()));
        gone.remove(key.path());
        puts.add(new Entry(key.path(), ByteString.copyFrom(value.toByteArray()), mirror.revision() + 1));
        return this;
    }

    /** Deletes a key in the next revision. */
    public ClusterFixture delete(Key<?> key) {
        puts.removeIf(entry -> entry.key().equals(key.path()));
        gone.remove(key.path());
        gone.add(key.path());
        return this;
    }

    /** Has the revision arrive. */
    public Delta commit() {
        Delta delta =
                mirror.advance(new Update(mirror.revision() + 1, puts, gone)).orElseThrow();
        puts.clear();
        gone.clear();
        return delta;
    }

    @Override
    public void close() throws IOException {
        mirror.close();
    }
}

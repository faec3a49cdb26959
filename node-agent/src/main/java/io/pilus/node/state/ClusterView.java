package io.pilus.node.state;

import com.google.protobuf.MessageLite;
import io.pilus.contract.Key;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Awaited;
import io.pilus.etcd.UnreadableValueException;
import java.util.Collection;
import java.util.Optional;

/**
 * The sub-tree {@code cluster/} as this node saw it last. Values are decoded when somebody asks for them.
 *
 * <p>Not safe for use by several threads; whoever uses it holds {@link NodeState#lock}.
 */
public final class ClusterView {

    private final Mirror mirror;

    ClusterView(Mirror mirror) {
        this.mirror = mirror;
    }

    /** The newest revision that was seen. */
    public long revision() {
        return mirror.revision();
    }

    /** Whether everything of some revision is here; before that, a missing key says nothing. */
    public boolean whole() {
        return mirror.whole();
    }

    public Optional<Entry> entry(Key<?> key) {
        return Optional.ofNullable(mirror.entries().get(key.path()));
    }

    /**
     * The value of a key.
     *
     * @throws UnreadableValueException when it is not that message
     */
    public <M extends MessageLite> Optional<M> read(Key<M> key) {
        return entry(key).map(entry -> entry.read(key.parser()));
    }

    /** The entries of a range, in key order. */
    public Collection<Entry> entries(KeyRange<?> range) {
        return mirror.entries(range);
    }

    /** The revision that wrote {@code compiled}: what is realised from here on reflects it. 0 when there is none. */
    public long compiledAt() {
        return entry(Keys.COMPILED).map(Entry::modRevision).orElse(0L);
    }

    /** The documents that somebody waits for. */
    public Awaited awaited() {
        try {
            return read(Keys.AWAITED).orElse(Awaited.getDefaultInstance());
        } catch (UnreadableValueException e) {
            return Awaited.getDefaultInstance();
        }
    }
}

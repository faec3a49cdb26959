package io.pilus.node.report;

import com.google.protobuf.MessageLite;
import io.pilus.contract.Key;
import io.pilus.etcd.EtcdStore;
import io.pilus.node.state.Entry;
import java.util.Optional;
import java.util.OptionalLong;

/** How a simulated node writes its own keys. */
public final class Reports {

    private final Report report;

    public Reports(EtcdStore store) {
        this.report = new Report(store);
    }

    public <M extends MessageLite> OptionalLong put(Key<M> key, Optional<Entry> seen, M value) {
        return report.put(key, seen, value);
    }

    public OptionalLong delete(Key<?> key, Optional<Entry> seen) {
        return report.delete(key, seen);
    }
}

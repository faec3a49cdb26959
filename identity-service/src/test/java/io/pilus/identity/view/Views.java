package io.pilus.identity.view;

import com.google.protobuf.MessageLite;
import io.etcd.jetcd.ByteSequence;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Node;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Versioned;
import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.messaging.etcd.EtcdChange.Entry;
import java.util.ArrayList;
import java.util.List;

/** Brings views up to date by hand, so that a test decides when a replica sees what. */
public final class Views {

    private Views() {}

    /** All three channels at once. */
    public static void catchUp(ClusterView view, EtcdStore store) {
        List<Entry> intent = new ArrayList<>();
        List<Entry> nodes = new ArrayList<>();
        List<Entry> endpoints = new ArrayList<>();
        long revision = add(Keys.IDENTITIES, store, intent);
        for (Versioned<Node> node : store.listAll(Keys.INTENT_NODES)) {
            intent.add(entry(node));
            String name = node.value().getName();
            add(Keys.workloadsOf(name), store, nodes);
            add(Keys.attachedOf(name), store, nodes);
            KeyRange<Block> blocks = Keys.blocksOf(name);
            add(blocks, store, nodes);
            store.get(Keys.adoptionReport(name)).ifPresent(report -> nodes.add(entry(report)));
        }
        add(Keys.ENDPOINTS, store, endpoints);
        view.intent(new EtcdChange.Snapshot(intent, revision, null));
        view.nodes(new EtcdChange.Snapshot(nodes, revision, null));
        view.endpoints(new EtcdChange.Snapshot(endpoints, revision, null));
    }

    private static <M extends MessageLite> long add(KeyRange<M> range, EtcdStore store, List<Entry> entries) {
        return store.forEach(range, found -> entries.add(entry(found)));
    }

    private static Entry entry(Versioned<? extends MessageLite> found) {
        return new Entry(found.key(), ByteSequence.from(found.value().toByteArray()), found.modRevision());
    }
}

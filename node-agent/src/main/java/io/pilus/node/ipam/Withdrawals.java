package io.pilus.node.ipam;

import com.google.protobuf.ByteString;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Endpoint;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.EtcdUnavailableException;
import jakarta.inject.Singleton;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;

/**
 * Released addresses of which the store says nothing any more. What this node has seen is not enough to know that: while it was cut
 * off, what it had said before may have been published.
 */
@Singleton
public class Withdrawals {

    private final Set<ByteString> confirmed = new HashSet<>();

    /** Whether no endpoint has the address, nor can get it until this node gives it again. */
    synchronized boolean contains(ByteString address) {
        return confirmed.contains(address);
    }

    /**
     * Asks the store about the addresses that wait for this. Called by the thread that writes {@code attached}: what is neither there nor
     * attached is never written there again.
     *
     * @param attached what pods have now
     * @throws EtcdUnavailableException when etcd does not answer
     */
    public void look(EtcdStore store, String node, LeaseBook book, Collection<ByteString> attached) {
        Set<ByteString> asked = new HashSet<>(book.due());
        asked.removeAll(attached);
        if (!asked.isEmpty()) {
            // in this order: an endpoint is published only while it is said to be attached
            KeyRange<Attached> said = Keys.attachedOf(node);
            store.forEach(said, found -> found.value().getAddressesList().forEach(asked::remove));
            KeyRange<Endpoint> published = Keys.endpointsOf(node);
            store.forEach(published, found -> found.value().getAddressesList().forEach(asked::remove));
        }
        synchronized (this) {
            confirmed.clear();
            confirmed.addAll(asked);
            // one that was given again meanwhile is another pod's
            confirmed.retainAll(book.due());
        }
    }

    /** A pod has these now: what was known of them is old. */
    public synchronized void forget(Collection<ByteString> addresses) {
        confirmed.removeAll(addresses);
    }
}

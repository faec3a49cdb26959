package io.pilus.identity.node;

import com.google.protobuf.ByteString;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.NodeAddressOwner;
import io.pilus.contract.v1.Owner;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Page;
import io.pilus.etcd.TransactionResult;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.IdentityProblem;
import io.pilus.identity.Ownership;
import io.pilus.identity.StoreEpoch;
import io.pilus.identity.Written;
import io.pilus.rest.ETags;
import io.pilus.rest.PageRequest;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Writes nodes: as registered and as agents see them, in one transaction, with an entry for each address that keeps it unique. */
@ApplicationScoped
public class Nodes {

    private final EtcdStore store;
    private final NodeRemoval removal;
    private final StoreEpoch epoch;
    private final IdentityConfig config;

    Nodes(EtcdStore store, NodeRemoval removal, StoreEpoch epoch, IdentityConfig config) {
        this.store = store;
        this.removal = removal;
        this.epoch = epoch;
        this.config = config;
    }

    Optional<Versioned<Node>> find(String name) {
        return store.get(Keys.intentNode(name));
    }

    Page<Node> list(PageRequest page) {
        return store.list(Keys.INTENT_NODES, page.firstKey(Keys.INTENT_NODES), page.limit(), 0);
    }

    /**
     * Writes nothing when nothing changes.
     *
     * @throws IdentityProblem when another node has one of the addresses
     */
    Written<Node> put(
            Owner owner,
            String name,
            Map<String, String> labels,
            List<ByteString> addresses,
            @Nullable String ifMatch) {
        epoch.ensure();
        Node wanted = Node.newBuilder()
                .setName(name)
                .putAllLabels(labels)
                .addAllAddresses(addresses)
                .setOwner(owner)
                .build();
        for (int attempt = 0; attempt < config.attempts(); attempt++) {
            Optional<Versioned<Node>> seen = find(name);
            ETags.check(ifMatch, seen, describe(name));
            seen.ifPresent(before -> Ownership.check(owner, before.value().getOwner(), describe(name)));
            if (seen.isPresent() && seen.get().value().equals(wanted)) {
                return new Written<>(seen.get(), false);
            }
            List<ByteString> before =
                    seen.map(node -> node.value().getAddressesList()).orElse(List.of());
            TransactionResult result = write(seen, wanted, before);
            if (result.succeeded()) {
                long created = seen.map(Versioned::createRevision).orElse(result.revision());
                return new Written<>(
                        new Versioned<>(Keys.intentNode(name).path(), wanted, result.revision(), created),
                        seen.isEmpty());
            }
            requireUnique(name, addresses, result);
        }
        throw IdentityProblem.contended(describe(name));
    }

    /**
     * Removes the node and everything of it. What a crash leaves behind the leader takes away.
     *
     * @throws IdentityProblem when it is not there
     */
    void delete(Owner actor, String name, @Nullable String ifMatch) {
        for (int attempt = 0; attempt < config.attempts(); attempt++) {
            Versioned<Node> seen = find(name).orElseThrow(() -> IdentityProblem.unknownNode(name));
            Ownership.check(actor, seen.value().getOwner(), describe(name));
            ETags.check(ifMatch, Optional.of(seen), describe(name));
            var transaction = store.transaction()
                    .ifUnchanged(seen)
                    .delete(Keys.intentNode(name))
                    .delete(Keys.clusterNode(name));
            seen.value().getAddressesList().forEach(address -> transaction.delete(Keys.nodeAddress(address)));
            if (transaction.commit().succeeded()) {
                removal.sweep(name);
                return;
            }
        }
        throw IdentityProblem.contended(describe(name));
    }

    private TransactionResult write(Optional<Versioned<Node>> seen, Node wanted, List<ByteString> before) {
        String name = wanted.getName();
        var transaction = store.transaction()
                .put(Keys.intentNode(name), wanted)
                .put(
                        Keys.clusterNode(name),
                        io.pilus.contract.v1.NodeAddresses.newBuilder()
                                .setName(name)
                                .addAllAddresses(wanted.getAddressesList())
                                .build());
        seen.ifPresentOrElse(transaction::ifUnchanged, () -> transaction.ifAbsent(Keys.intentNode(name)));
        for (ByteString address : wanted.getAddressesList()) {
            if (!before.contains(address)) {
                transaction
                        .ifAbsent(Keys.nodeAddress(address))
                        .put(
                                Keys.nodeAddress(address),
                                NodeAddressOwner.newBuilder().setNode(name).build());
            }
        }
        before.stream()
                .filter(address -> !wanted.getAddressesList().contains(address))
                .forEach(address -> transaction.delete(Keys.nodeAddress(address)));
        return transaction
                .orElseGetting(wanted.getAddressesList().stream()
                        .map(Keys::nodeAddress)
                        .toList())
                .commit();
    }

    private static void requireUnique(String name, List<ByteString> addresses, TransactionResult result) {
        for (ByteString address : addresses) {
            Key<NodeAddressOwner> key = Keys.nodeAddress(address);
            result.read(key)
                    .map(found -> found.value().getNode())
                    .filter(other -> !other.equals(name))
                    .ifPresent(other -> {
                        throw IdentityProblem.duplicateAddress(Prefixes.format(address), other);
                    });
        }
    }

    private static String describe(String name) {
        return "node '" + name + "'";
    }
}

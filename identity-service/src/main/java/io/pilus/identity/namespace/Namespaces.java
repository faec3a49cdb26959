package io.pilus.identity.namespace;

import io.pilus.contract.Keys;
import io.pilus.contract.v1.Document;
import io.pilus.contract.v1.Namespace;
import io.pilus.contract.v1.Owner;
import io.pilus.contract.v1.WorkloadLocation;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Page;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.IdentityProblem;
import io.pilus.identity.Ownership;
import io.pilus.identity.Written;
import io.pilus.rest.ETags;
import io.pilus.rest.PageRequest;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Writes namespaces. */
@ApplicationScoped
public class Namespaces {

    private final EtcdStore store;
    private final IdentityConfig config;

    Namespaces(EtcdStore store, IdentityConfig config) {
        this.store = store;
        this.config = config;
    }

    Optional<Versioned<Namespace>> find(String name) {
        return store.get(Keys.namespace(name));
    }

    Page<Namespace> list(PageRequest page) {
        return store.list(Keys.NAMESPACES, page.firstKey(Keys.NAMESPACES), page.limit(), 0);
    }

    /** Writes nothing when nothing changes. */
    Written<Namespace> put(Owner owner, String name, Map<String, String> labels, @Nullable String ifMatch) {
        Namespace wanted = Namespace.newBuilder()
                .setName(name)
                .putAllLabels(labels)
                .setOwner(owner)
                .build();
        for (int attempt = 0; attempt < config.attempts(); attempt++) {
            Optional<Versioned<Namespace>> seen = find(name);
            ETags.check(ifMatch, seen, describe(name));
            seen.ifPresent(before -> Ownership.check(owner, before.value().getOwner(), describe(name)));
            if (seen.isPresent() && seen.get().value().equals(wanted)) {
                return new Written<>(seen.get(), false);
            }
            var transaction = store.transaction().put(Keys.namespace(name), wanted);
            seen.ifPresentOrElse(transaction::ifUnchanged, () -> transaction.ifAbsent(Keys.namespace(name)));
            var result = transaction.commit();
            if (result.succeeded()) {
                long created = seen.map(Versioned::createRevision).orElse(result.revision());
                return new Written<>(
                        new Versioned<>(Keys.namespace(name).path(), wanted, result.revision(), created),
                        seen.isEmpty());
            }
        }
        throw IdentityProblem.contended(describe(name));
    }

    /**
     * Deletes a namespace without workloads and policies. One that comes in the same moment wins: the namespace is put back.
     *
     * @throws IdentityProblem when it is not there, or has workloads or policies
     */
    void delete(Owner actor, String name, @Nullable String ifMatch) {
        for (int attempt = 0; attempt < config.attempts(); attempt++) {
            Versioned<Namespace> seen = find(name).orElseThrow(() -> IdentityProblem.unknownNamespace(name));
            Ownership.check(actor, seen.value().getOwner(), describe(name));
            ETags.check(ifMatch, Optional.of(seen), describe(name));
            requireEmpty(name);
            if (store.transaction()
                    .ifUnchanged(seen)
                    .delete(Keys.namespace(name))
                    .commit()
                    .succeeded()) {
                restoreUnlessEmpty(seen);
                return;
            }
        }
        throw IdentityProblem.contended(describe(name));
    }

    /** etcd compares keys and not ranges: whether something came between look and deletion is seen only afterwards. */
    private void restoreUnlessEmpty(Versioned<Namespace> deleted) {
        String name = deleted.value().getName();
        try {
            requireEmpty(name);
        } catch (IdentityProblem inUse) {
            store.transaction()
                    .ifAbsent(Keys.namespace(name))
                    .put(Keys.namespace(name), deleted.value())
                    .commit();
            throw inUse;
        }
    }

    private void requireEmpty(String name) {
        var range = Keys.workloadLocationsIn(name);
        Page<WorkloadLocation> some = store.list(range, null, 1, 0);
        if (!some.items().isEmpty()) {
            throw IdentityProblem.namespaceInUse(
                    name, range.parts(some.items().getFirst().key())[0]);
        }
        someDocument(name).ifPresent(document -> {
            throw IdentityProblem.namespaceHasDocuments(name, document);
        });
    }

    /** In a document's key the kind comes before the namespace: goes from kind to kind. */
    private Optional<String> someDocument(String namespace) {
        String from = null;
        while (true) {
            Page<Document> next = store.list(Keys.DOCUMENTS, from, 1, 0);
            if (next.items().isEmpty()) {
                return Optional.empty();
            }
            String kind = Keys.DOCUMENTS.parts(next.items().getFirst().key())[0];
            Page<Document> some = store.list(Keys.documentsIn(kind, namespace), null, 1, 0);
            if (!some.items().isEmpty()) {
                return Optional.of(String.join(
                        "/", Keys.DOCUMENTS.parts(some.items().getFirst().key())));
            }
            from = Keys.documentsOf(kind).end();
        }
    }

    private static String describe(String name) {
        return "namespace '" + name + "'";
    }
}

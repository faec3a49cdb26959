package io.pilus.policy.document;

import com.google.protobuf.ByteString;
import io.pilus.contract.Key;
import io.pilus.contract.v1.Document;
import io.pilus.contract.v1.Owner;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.TransactionResult;
import io.pilus.etcd.Versioned;
import io.pilus.policy.compile.IntentState;
import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.rule.Findings.Finding;
import io.pilus.policy.rule.PodSelector;
import io.pilus.policy.source.DocumentReader;
import io.pilus.policy.source.ParsedDocument;
import io.pilus.policy.source.SourceProblem;
import io.pilus.policy.source.Sources;
import io.pilus.rest.ETags;
import io.pilus.rest.ProblemException;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Writes and deletes documents, by compare-and-set: any replica may, at any time. */
@ApplicationScoped
public class DocumentService {

    /** As many as one transaction can write: either all documents of a request are applied or none. */
    static final int MOST = 100;

    private static final int ATTEMPTS = 10;

    private final EtcdStore store;
    private final IntentState intent;
    private final DocumentReader reader;

    DocumentService(EtcdStore store, IntentState intent, DocumentReader reader) {
        this.store = store;
        this.intent = intent;
        this.reader = reader;
    }

    /** What a write did, or would do. */
    enum Outcome {
        CREATED,
        UPDATED,
        UNCHANGED,
        DELETED
    }

    /**
     * @param revision of the document, or of its deletion; the last one known when nothing was written
     * @param selectors of the pods to which it applied before and applies now
     */
    record Change(
            DocumentName name, Outcome outcome, long revision, Set<PodSelector> selectors, List<Finding> warnings) {}

    Versioned<Document> get(DocumentName name) {
        return find(name).orElseThrow(() -> DocumentProblem.notFound(name));
    }

    /**
     * Applies all documents or none.
     *
     * @param ifMatch the header of that name, for each of the documents
     * @throws ProblemException when one of them belongs to somebody else, is too large, or is not the one that was expected
     */
    List<Change> apply(List<ParsedDocument> documents, @Nullable String ifMatch, boolean dryRun) {
        check(documents);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Transaction transaction = store.transaction();
            List<Change> changes = new ArrayList<>();
            for (ParsedDocument document : documents) {
                changes.add(plan(document, ifMatch, transaction));
            }
            if (dryRun || transaction.operations() == 0) {
                return changes;
            }
            if (transaction.bytes() > Transaction.MAX_BYTES) {
                throw SourceProblem.tooLarge("the request", transaction.bytes(), Transaction.MAX_BYTES);
            }
            TransactionResult result = transaction.commit();
            if (result.succeeded()) {
                return changes.stream()
                        .map(change -> change.outcome() == Outcome.UNCHANGED
                                ? change
                                : new Change(
                                        change.name(),
                                        change.outcome(),
                                        result.revision(),
                                        change.selectors(),
                                        change.warnings()))
                        .toList();
            }
        }
        throw DocumentProblem.contended(documents.getFirst().name());
    }

    /**
     * @throws ProblemException when there is no such document, it belongs to somebody else or is not the one expected
     */
    Change delete(DocumentName name, @Nullable String ifMatch, boolean dryRun) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Optional<Versioned<Document>> seen = find(name);
            ETags.check(ifMatch, seen, name.toString());
            Versioned<Document> document = seen.orElseThrow(() -> DocumentProblem.notFound(name));
            checkOwner(name, document.value());
            Set<PodSelector> selectors = selectors(document.value());
            if (dryRun) {
                return new Change(name, Outcome.DELETED, document.modRevision(), selectors, List.of());
            }
            TransactionResult result =
                    store.transaction().ifUnchanged(document).delete(name.key()).commit();
            if (result.succeeded()) {
                return new Change(name, Outcome.DELETED, result.revision(), selectors, List.of());
            }
        }
        throw DocumentProblem.contended(name);
    }

    /** The pods to which a stored document applies; none when this version cannot read it. */
    Set<PodSelector> selectors(Document document) {
        try {
            return Set.of(reader.stored(document).subject());
        } catch (IllegalArgumentException e) {
            return Set.of();
        }
    }

    static String owner(Document document) {
        return switch (document.getOwner()) {
            case OWNER_REST -> "rest";
            case OWNER_KUBERNETES -> "kubernetes";
            case OWNER_UNSPECIFIED, UNRECOGNIZED -> "unknown";
        };
    }

    private Change plan(ParsedDocument document, @Nullable String ifMatch, Transaction transaction) {
        DocumentName name = document.name();
        Key<Document> key = name.key();
        Optional<Versioned<Document>> seen = find(name);
        ETags.check(ifMatch, seen, name.toString());
        Set<PodSelector> selectors =
                new LinkedHashSet<>(Set.of(document.policy().subject()));
        if (seen.isPresent()) {
            Versioned<Document> before = seen.get();
            checkOwner(name, before.value());
            selectors.addAll(selectors(before.value()));
            if (same(before.value(), document.source())) {
                return new Change(name, Outcome.UNCHANGED, before.modRevision(), selectors, document.warnings());
            }
            transaction.ifUnchanged(before);
        } else {
            transaction.ifAbsent(key);
        }
        transaction.put(
                key,
                Document.newBuilder()
                        .setKind(name.kind())
                        .setNamespace(name.namespace())
                        .setName(name.name())
                        .setSource(ByteString.copyFrom(document.source()))
                        .setOwner(Owner.OWNER_REST)
                        .build());
        return new Change(
                name,
                seen.isPresent() ? Outcome.UPDATED : Outcome.CREATED,
                seen.map(Versioned::modRevision).orElse(0L),
                selectors,
                document.warnings());
    }

    private void check(List<ParsedDocument> documents) {
        if (documents.isEmpty()) {
            throw DocumentProblem.empty();
        }
        if (documents.size() > MOST) {
            throw DocumentProblem.tooMany(documents.size(), MOST);
        }
        Set<DocumentName> names = new HashSet<>();
        for (ParsedDocument document : documents) {
            if (!names.add(document.name())) {
                throw DocumentProblem.twice(document.name());
            }
            int compiled = intent.with(compiler -> compiler.sizeOf(document.policy()));
            if (compiled > Sources.MAX_STORED_BYTES) {
                throw SourceProblem.tooLarge(document.name() + ", compiled,", compiled, Sources.MAX_STORED_BYTES);
            }
        }
    }

    private Optional<Versioned<Document>> find(DocumentName name) {
        return store.get(name.key());
    }

    private static void checkOwner(DocumentName name, Document document) {
        if (document.getOwner() != Owner.OWNER_REST) {
            throw DocumentProblem.ownedByAnother(name, owner(document));
        }
    }

    /** The order of fields does not matter. */
    private static boolean same(Document before, byte[] source) {
        try {
            return Sources.readStored(before.getSource().toByteArray()).equals(Sources.readStored(source));
        } catch (IllegalArgumentException e) {
            return false;
        }
    }
}

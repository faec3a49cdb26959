package io.pilus.policy.source;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Document;
import io.pilus.policy.rule.Dialect;
import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.rule.Field;
import io.pilus.policy.rule.Findings;
import io.pilus.policy.rule.Findings.Finding;
import io.pilus.policy.rule.Policy;
import io.pilus.policy.rule.Selectors;
import io.pilus.rest.ProblemException;
import io.quarkus.arc.All;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads documents of every kind: the common part here, the rest by the kind's dialect. */
@ApplicationScoped
public class DocumentReader {

    private static final String PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
    private static final Pattern NAMESPACE = Pattern.compile("(?=.{1,63}$)" + PART);
    private static final Pattern NAME = Pattern.compile("(?=.{1,253}$)" + PART + "(\\." + PART + ")*");

    /** Kubernetes sets these; they say nothing about policy and are not stored. */
    private static final Set<String> SET_BY_SERVER = Set.of(
            "creationTimestamp",
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "finalizers",
            "generateName",
            "generation",
            "managedFields",
            "ownerReferences",
            "resourceVersion",
            "selfLink",
            "uid");

    private final TreeMap<String, Dialect> dialects = new TreeMap<>();

    public DocumentReader(@All List<Dialect> dialects) {
        dialects.forEach(dialect -> this.dialects.put(dialect.kind(), dialect));
    }

    /** The kinds of documents that there are. */
    public Set<String> kinds() {
        return dialects.keySet();
    }

    /**
     * The documents of a kind.
     *
     * @param namespace or null for those of all namespaces
     * @throws ProblemException when there can be no such documents
     */
    public KeyRange<Document> range(String kind, @Nullable String namespace) {
        if (namespace != null) {
            String any = name(kind, namespace, "any").key().path();
            return new KeyRange<>(any.substring(0, any.length() - "any".length()), Document.parser());
        }
        if (!dialects.containsKey(kind)) {
            throw SourceProblem.unknownKind(kind, kinds());
        }
        return new KeyRange<>(Keys.DOCUMENTS.prefix() + kind + "/", Document.parser());
    }

    /**
     * The name of a document by the parts of its URL.
     *
     * @throws ProblemException when there can be no such document
     */
    public DocumentName name(String kind, String namespace, String name) {
        Dialect dialect = dialects.get(kind);
        if (dialect == null) {
            throw SourceProblem.unknownKind(kind, kinds());
        }
        if (namespace.equals("-") == dialect.namespaced()) {
            throw SourceProblem.notNamespaced(kind, dialect.namespaced());
        }
        var read = new DocumentName(kind, dialect.namespaced() ? namespace : "", name);
        var findings = new Findings();
        check(read, findings, "", "");
        refuse(findings);
        return read;
    }

    /**
     * Reads one document.
     *
     * @param expected which it must be, or null for the one that it says
     * @throws ProblemException 400 saying all that is wrong with it
     */
    public ParsedDocument read(ObjectNode source, @Nullable DocumentName expected) {
        return read(source, expected, "");
    }

    /**
     * Reads several documents.
     *
     * @throws ProblemException 400 saying all that is wrong with the first one that is wrong
     */
    public List<ParsedDocument> readAll(List<ObjectNode> sources) {
        List<ParsedDocument> read = new ArrayList<>();
        for (ObjectNode source : sources) {
            read.add(read(source, null, sources.size() == 1 ? "" : "document " + (read.size() + 1) + ": "));
        }
        return read;
    }

    /**
     * Reads a document that is in the store.
     *
     * @throws IllegalArgumentException when this version cannot read it
     */
    public Policy stored(Document document) {
        try {
            return read(Sources.readStored(document.getSource().toByteArray()), DocumentName.of(document))
                    .policy();
        } catch (ProblemException e) {
            throw new IllegalArgumentException(e.detail(), e);
        }
    }

    private ParsedDocument read(ObjectNode source, @Nullable DocumentName expected, String which) {
        var findings = new Findings();
        Field root = Field.root(source, findings);
        root.allow("apiVersion", "kind", "metadata", "spec", "status");
        String kind = root.get("kind").required();
        Dialect dialect = dialects.get(kind);
        if (dialect == null) {
            root.get("kind").error("'" + kind + "' is none of " + String.join(", ", kinds()));
            throw SourceProblem.invalid(numbered(findings, which));
        }
        String apiVersion = root.get("apiVersion").required();
        if (!apiVersion.equals(dialect.apiVersion())) {
            root.get("apiVersion").error("must be " + dialect.apiVersion() + ", not '" + apiVersion + "'");
        }
        DocumentName name = metadata(root.get("metadata"), dialect, expected, findings);
        if (expected != null && !kind.equals(expected.kind())) {
            root.get("kind").error("is " + kind + ", but the URL says " + expected.kind());
        }
        Policy policy = dialect.read(name, source, findings);
        if (!findings.errors().isEmpty()) {
            throw SourceProblem.invalid(numbered(findings, which));
        }
        byte[] stored = Sources.write(normalised(source, name));
        if (stored.length > Sources.MAX_STORED_BYTES) {
            throw SourceProblem.tooLarge(name.toString(), stored.length, Sources.MAX_STORED_BYTES);
        }
        return new ParsedDocument(policy, stored, findings.warnings());
    }

    private static DocumentName metadata(
            Field metadata, Dialect dialect, @Nullable DocumentName expected, Findings findings) {
        Set<String> known = new TreeSet<>(SET_BY_SERVER);
        known.addAll(List.of("name", "namespace", "labels", "annotations"));
        metadata.allow(known.toArray(String[]::new));
        Field name = metadata.get("name");
        Field namespace = metadata.get("namespace");
        String saidName = name.isAbsent() && expected != null ? expected.name() : name.required();
        String saidNamespace = namespace.text();
        if (namespace.isAbsent() && dialect.namespaced()) {
            saidNamespace = expected == null ? "default" : expected.namespace();
        }
        if (!dialect.namespaced() && !saidNamespace.isEmpty()) {
            namespace.error("a " + dialect.kind() + " lives in no namespace");
        }
        metadata.get("labels").fields().forEach((key, value) -> {
            Selectors.checkKey(value, key);
            Selectors.checkedValue(value);
        });
        metadata.get("annotations").fields().forEach((_, value) -> value.text());
        var read = new DocumentName(dialect.kind(), saidNamespace, saidName);
        check(read, findings, name.pointer(), namespace.pointer());
        if (expected != null && !expected.name().equals(saidName)) {
            name.error("is '" + saidName + "', but the URL says '" + expected.name() + "'");
        }
        if (expected != null && !expected.namespace().equals(saidNamespace)) {
            namespace.error("is '" + saidNamespace + "', but the URL says '" + expected.namespace() + "'");
        }
        return read;
    }

    private static void check(DocumentName name, Findings findings, String namePointer, String namespacePointer) {
        if (!NAME.matcher(name.name()).matches()) {
            findings.error(
                    namePointer,
                    "'" + name.name() + "' is no name; write at most 253 of a-z, 0-9, '-' and '.', each part between"
                            + " dots beginning and ending with a letter or digit");
        }
        if (!name.namespace().isEmpty() && !NAMESPACE.matcher(name.namespace()).matches()) {
            findings.error(
                    namespacePointer,
                    "'" + name.namespace() + "' is no namespace; write at most 63 of a-z, 0-9 and '-', beginning and"
                            + " ending with a letter or digit");
        }
    }

    private static ObjectNode normalised(ObjectNode source, DocumentName name) {
        ObjectNode copy = source.deepCopy();
        copy.remove("status");
        ObjectNode metadata = copy.withObjectProperty("metadata");
        metadata.remove(SET_BY_SERVER);
        metadata.put("name", name.name());
        if (!name.namespace().isEmpty()) {
            metadata.put("namespace", name.namespace());
        }
        return copy;
    }

    private static void refuse(Findings findings) {
        if (!findings.errors().isEmpty()) {
            throw SourceProblem.invalid(findings.errors());
        }
    }

    private static List<Finding> numbered(Findings findings, String which) {
        return findings.errors().stream()
                .map(error -> new Finding(error.pointer(), which + error.detail()))
                .toList();
    }
}

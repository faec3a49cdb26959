package io.pilus.policy.compile;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.etcd.jetcd.ByteSequence;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Document;
import io.pilus.contract.v1.Namespace;
import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.source.DocumentReader;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.jboss.logging.Logger;

/**
 * {@code intent/} in memory and compiled, as of one revision. Every replica has it: the leader publishes it, the others are
 * ready to, and all of them answer questions from it.
 */
@ApplicationScoped
public class IntentState {

    private static final Logger LOG = Logger.getLogger(IntentState.class);

    private final DocumentReader reader;
    private final ReentrantLock lock = new ReentrantLock();
    private final PolicyCompiler compiler = new PolicyCompiler();
    private final Map<String, String> unreadable = new TreeMap<>();
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
    private long revision;

    public IntentState(DocumentReader reader) {
        this.reader = reader;
    }

    /** Runs after every change, on the thread that brought it. */
    public void onChange(Runnable listener) {
        listeners.add(listener);
    }

    /** Takes over a change. */
    public void apply(EtcdChange change) {
        lock.lock();
        try {
            switch (change) {
                case EtcdChange.Snapshot all -> {
                    compiler.clear();
                    unreadable.clear();
                    // identities before documents: a document is compiled once
                    List<EtcdChange.Entry> documents = new ArrayList<>();
                    for (EtcdChange.Entry entry : all.entries()) {
                        if (Keys.DOCUMENTS.contains(entry.key())) {
                            documents.add(entry);
                        } else {
                            put(entry.key(), entry.value());
                        }
                    }
                    documents.forEach(entry -> put(entry.key(), entry.value()));
                    revision = all.revision();
                }
                case EtcdChange.Revision one -> {
                    for (EtcdChange.Event event : one.events()) {
                        switch (event) {
                            case EtcdChange.Event.Put put -> put(put.key(), put.value());
                            case EtcdChange.Event.Deleted deleted -> delete(deleted.key());
                        }
                    }
                    revision = one.revision();
                }
            }
        } finally {
            lock.unlock();
        }
        listeners.forEach(Runnable::run);
    }

    /** Reads the state, or takes its changes, while it stands still. */
    public <T> T with(Function<PolicyCompiler, T> use) {
        lock.lock();
        try {
            return use.apply(compiler);
        } finally {
            lock.unlock();
        }
    }

    /** The revision of {@code intent/} that this is; 0 before anything was read. */
    public long revision() {
        lock.lock();
        try {
            return revision;
        } finally {
            lock.unlock();
        }
    }

    /** Keys whose values this version cannot read, and why. Their last readable form stays in force. */
    public Map<String, String> unreadable() {
        lock.lock();
        try {
            return Map.copyOf(unreadable);
        } finally {
            lock.unlock();
        }
    }

    private void put(String key, ByteSequence value) {
        try {
            if (Keys.DOCUMENTS.contains(key)) {
                compiler.putDocument(reader.stored(parse(Document.parser(), value)));
            } else if (Keys.NAMESPACES.contains(key)) {
                Namespace namespace = parse(Namespace.parser(), value);
                compiler.putNamespace(namespace.getName(), namespace.getLabelsMap());
            } else if (Keys.IDENTITIES.contains(key)) {
                compiler.putIdentity(
                        number(key), parse(Keys.IDENTITIES.parser(), value).getLabelSet());
            }
            unreadable.remove(key);
        } catch (IllegalArgumentException e) {
            LOG.errorf("%s is not readable, its last readable form stays in force: %s", key, e.getMessage());
            unreadable.put(key, String.valueOf(e.getMessage()));
        }
    }

    private void delete(String key) {
        unreadable.remove(key);
        if (Keys.DOCUMENTS.contains(key)) {
            String[] parts = part(Keys.DOCUMENTS, key, 3);
            compiler.removeDocument(new DocumentName(parts[0], parts[1].equals("-") ? "" : parts[1], parts[2]));
        } else if (Keys.NAMESPACES.contains(key)) {
            compiler.removeNamespace(part(Keys.NAMESPACES, key, 1)[0]);
        } else if (Keys.IDENTITIES.contains(key)) {
            compiler.removeIdentity(number(key));
        }
    }

    private static int number(String key) {
        return Keys.identityNumber(part(Keys.IDENTITIES, key, 1)[0]);
    }

    private static String[] part(KeyRange<?> range, String key, int parts) {
        String[] found = range.parts(key);
        if (found.length != parts) {
            throw new IllegalArgumentException(key + " has not " + parts + " parts behind " + range);
        }
        return found;
    }

    private static <M extends MessageLite> M parse(Parser<M> parser, ByteSequence value) {
        try {
            return parser.parseFrom(value.getBytes());
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }
}

package io.pilus.policy.enforcement;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;

import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Awaited;
import io.pilus.contract.v1.AwaitedDocument;
import io.pilus.contract.v1.Realised;
import io.pilus.contract.v1.RealisedError;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.Versioned;
import io.pilus.policy.PolicyConfig;
import io.pilus.policy.compile.IntentState;
import io.pilus.policy.rule.DocumentName;
import io.pilus.policy.rule.PodSelector;
import io.pilus.rest.ProblemException;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Clock;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.roaringbitmap.RoaringBitmap;

/** Says which nodes have a document in their kernel, and waits until all have (DESIGN section 8.4). */
@ApplicationScoped
public class EnforcementService {

    private static final int ATTEMPTS = 20;

    private static final KeyRange<Realised> ALL_NODES = new KeyRange<>(Keys.NODES, Realised.parser());

    private final EtcdStore store;
    private final IntentState intent;
    private final NodeStates nodes;
    private final PolicyConfig config;
    private final Clock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private long changes;

    EnforcementService(EtcdStore store, IntentState intent, NodeStates nodes, PolicyConfig config, Clock clock) {
        this.store = store;
        this.intent = intent;
        this.nodes = nodes;
        this.config = config;
        this.clock = clock;
        intent.onChange(this::wake);
        nodes.onChange(this::wake);
    }

    /**
     * The timeout of a request: {@code 30s}, {@code 2m}, {@code 1500ms}, or what ISO 8601 allows.
     *
     * @param text or null for the default
     * @throws ProblemException 400 when it is none, or too long
     */
    public Duration timeout(@Nullable String text) {
        if (text == null) {
            return config.waitTimeout();
        }
        try {
            String upper = text.toUpperCase(Locale.ROOT);
            Duration timeout;
            if (upper.startsWith("P")) {
                timeout = Duration.parse(upper);
            } else if (upper.endsWith("MS")) {
                timeout = Duration.ofMillis(Long.parseLong(upper.substring(0, upper.length() - 2)));
            } else {
                timeout = Duration.parse("PT" + upper);
            }
            if (!timeout.isNegative() && timeout.compareTo(config.longestWait()) <= 0) {
                return timeout;
            }
        } catch (DateTimeParseException | NumberFormatException e) {
            throw invalidTimeout(text);
        }
        throw invalidTimeout(text);
    }

    /** How far a document of this revision has come. */
    public Enforcement state(DocumentName name, long revision, Set<PodSelector> selectors) {
        long nodesSeen = nodes.revision();
        Enforcement state = seen(name, revision, selectors);
        return state.isComplete() && !isUpToDate(nodesSeen, revision)
                ? new Enforcement(null, state.enforced(), List.of(), List.of(), List.of())
                : state;
    }

    /**
     * Whether what was seen of {@code nodes/} tells all nodes that a document of this revision concerns. Nothing orders that
     * watch and the one that brings {@code compiled}; where no node has reported since, only the store knows.
     */
    private boolean isUpToDate(long nodesSeen, long revision) {
        return nodesSeen >= revision || (nodesSeen > 0 && store.newestWrite(ALL_NODES) <= nodesSeen);
    }

    private Enforcement seen(DocumentName name, long revision, Set<PodSelector> selectors) {
        // another replica may have compiled what this one has not seen: whom the document selects is not known yet
        OptionalLong compiledAt = intent.revision() < revision ? OptionalLong.empty() : nodes.compiledAt(revision);
        RoaringBitmap selected = intent.with(compiler -> {
            var identities = new RoaringBitmap();
            selectors.forEach(selector -> identities.or(compiler.matching(selector)));
            return identities;
        });
        List<String> enforced = new ArrayList<>();
        List<String> pending = new ArrayList<>();
        List<Enforcement.Silent> silent = new ArrayList<>();
        List<Enforcement.Refusing> refusing = new ArrayList<>();
        for (String node : nodes.nodesOf(selected)) {
            Realised realised = nodes.realised(node);
            Optional<RealisedError> refusal = realised.getErrorsList().stream()
                    .filter(error -> concerns(error, name))
                    .findFirst();
            boolean live = nodes.isLive(node);
            if (live && refusal.isPresent()) {
                refusing.add(new Enforcement.Refusing(
                        node, refusal.get().getReason(), refusal.get().getMessage()));
            } else if (refusal.isEmpty()
                    && compiledAt.isPresent()
                    && realised.getRevision() >= compiledAt.getAsLong()) {
                enforced.add(node);
            } else if (live) {
                pending.add(node);
            } else {
                silent.add(new Enforcement.Silent(node, nodes.silentSince(node)));
            }
        }
        return new Enforcement(
                compiledAt.isPresent() ? compiledAt.getAsLong() : null, enforced, pending, silent, refusing);
    }

    /** An error that does not say which documents it keeps out of force may keep any. */
    private static boolean concerns(RealisedError error, DocumentName document) {
        return error.getDocumentsCount() == 0 || error.getDocumentsList().contains(document.toString());
    }

    /**
     * Waits until a document of this revision has come to all nodes that it concerns.
     *
     * @param selectors of the pods to which it applied before the change and applies after it
     * @return how far it has come when it has arrived, or at the deadline
     */
    public Enforcement await(DocumentName name, long revision, Set<PodSelector> selectors, Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        Enforcement state = state(name, revision, selectors);
        if (state.isComplete()) {
            return state;
        }
        var awaited = AwaitedDocument.newBuilder()
                .setKind(name.kind())
                .setNamespace(name.namespace())
                .setName(name.name())
                .setRevision(revision)
                .setUntilEpochMs(clock.millis() + timeout.toMillis())
                .build();
        edit(list -> list.toBuilder().addDocuments(awaited).build());
        try {
            while (true) {
                long seen = changes();
                state = state(name, revision, selectors);
                long left = deadline - System.nanoTime();
                if (state.isComplete() || left <= 0) {
                    return state;
                }
                sleep(seen, left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return state;
        } finally {
            edit(list -> without(list, awaited));
        }
    }

    /** Changes who waits, and forgets those who no longer do. When others are faster again and again, nodes report later. */
    private void edit(UnaryOperator<Awaited> change) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Optional<Versioned<Awaited>> seen = store.get(Keys.AWAITED);
            Transaction transaction = store.transaction();
            if (seen.isPresent()) {
                transaction.ifUnchanged(seen.get());
            } else {
                transaction.ifAbsent(Keys.AWAITED);
            }
            Awaited now = change.apply(unexpired(seen.map(Versioned::value).orElse(Awaited.getDefaultInstance())));
            if (transaction.put(Keys.AWAITED, now).commit().succeeded()) {
                return;
            }
        }
    }

    private Awaited unexpired(Awaited list) {
        long now = clock.millis();
        return Awaited.newBuilder()
                .addAllDocuments(list.getDocumentsList().stream()
                        .filter(document -> document.getUntilEpochMs() > now)
                        .toList())
                .build();
    }

    private static Awaited without(Awaited list, AwaitedDocument one) {
        List<AwaitedDocument> left = new ArrayList<>(list.getDocumentsList());
        left.remove(one);
        return Awaited.newBuilder().addAllDocuments(left).build();
    }

    private void wake() {
        lock.lock();
        try {
            changes++;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private long changes() {
        lock.lock();
        try {
            return changes;
        } finally {
            lock.unlock();
        }
    }

    private void sleep(long seen, long nanos) throws InterruptedException {
        lock.lock();
        try {
            long left = nanos;
            while (changes == seen && left > 0) {
                left = changed.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    private ProblemException invalidTimeout(String text) {
        return new ProblemException(
                "invalid",
                BAD_REQUEST,
                "timeout=%s: write a duration of at most %d s, such as 30s or 2m"
                        .formatted(text, config.longestWait().toSeconds()));
    }
}

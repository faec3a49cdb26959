package io.pilus.node.report;

import io.etcd.jetcd.Client;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Awaited;
import io.pilus.contract.v1.AwaitedDocument;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.Liveness;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.contract.v1.Realised;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.EtcdRefusedException;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.EtcdUnavailableException;
import io.pilus.etcd.LeasedKey;
import io.pilus.etcd.StoreId;
import io.pilus.node.endpoint.AttachedReporter;
import io.pilus.node.endpoint.Attachment;
import io.pilus.node.endpoint.Endpoints;
import io.pilus.node.ipam.LeaseBook;
import io.pilus.node.ipam.Withdrawals;
import io.pilus.node.state.Delta;
import io.pilus.node.state.Entry;
import io.pilus.node.state.NodeState;
import io.pilus.node.state.StateListener;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Keeps this node's own keys equal to what it has. One thread compares and writes, when something happened and from time
 * to time: what could not be written while etcd was away is written when it is back, as it is then.
 *
 * <p>Nothing is written to a store that is a stranger, but what {@link Adoption} says to a restored one.
 */
@Singleton
@Priority(Reporter.LAST)
class Reporter implements AttachedReporter, StateListener {

    /** After everybody who brings the kernel in line. */
    static final int LAST = 10_000;

    /** The level of messages that this version understands. */
    private static final int LEVEL = 1;

    private static final Logger LOG = Logger.getLogger(Reporter.class);
    private static final Duration LIFETIME = Duration.ofSeconds(15);

    /** How long {@code realised} may stay behind when nobody waits for it. */
    private static final Duration UNHURRIED = Duration.ofSeconds(30);

    private static final Duration PAUSE = Duration.ofSeconds(1);

    private final NodeState state;
    private final Endpoints endpoints;
    private final LeaseBook leases;
    private final Withdrawals withdrawals;
    private final Realisation realisation;
    private final Client client;
    private final EtcdStore store;
    private final Clock clock;
    private final String version;
    private final Adoption adoption;
    private Report report;
    private final Semaphore happened = new Semaphore(0);
    private volatile boolean stopped;
    private @Nullable Thread thread;
    private @Nullable LeasedKey<Liveness> live;
    private @Nullable Demand lastDemand;
    private Realised lastRealised = Realised.getDefaultInstance();
    private long lastRealisedAt;
    private Set<String> reportedDocuments = Set.of();
    private boolean complained;

    Reporter(
            NodeState state,
            Endpoints endpoints,
            LeaseBook leases,
            Withdrawals withdrawals,
            Realisation realisation,
            Client client,
            EtcdStore store,
            Clock clock,
            @ConfigProperty(name = "quarkus.application.version", defaultValue = "unknown") String version) {
        this.state = state;
        this.endpoints = endpoints;
        this.leases = leases;
        this.withdrawals = withdrawals;
        this.realisation = realisation;
        this.client = client;
        this.store = store;
        this.clock = clock;
        this.version = version;
        this.adoption = new Adoption(state, endpoints, store);
        this.report = new Report(store);
    }

    void start(@Observes StartupEvent event) {
        thread = Thread.ofVirtual().name("reporter").start(this::run);
    }

    void stop(@Observes ShutdownEvent event) throws InterruptedException {
        stopped = true;
        happened.release();
        if (thread != null) {
            thread.join(Duration.ofSeconds(3));
        }
        if (live != null) {
            live.close();
        }
    }

    @Override
    public void attached(Attachment attachment) {
        withdrawals.forget(attachment.addresses());
        happened.release();
    }

    @Override
    public void detached(Attachment attachment) {
        happened.release();
    }

    @Override
    public void loaded() {
        pools();
        blocks();
    }

    @Override
    public void clusterChanged(Delta delta) {
        if (touches(delta, Keys.CLUSTER_POOLS.prefix())) {
            pools();
        }
        happened.release();
    }

    @Override
    public void nodeChanged(Delta delta) {
        blocks();
        happened.release();
    }

    /** The book is told of every revision, also one that changes no block. */
    private void blocks() {
        leases.blocks(
                state.node().entries(Keys.blocksOf(state.node().node())).stream()
                        .map(entry -> entry.read(Block.parser()))
                        .toList(),
                state.node().revision());
    }

    private void pools() {
        leases.pools(state.cluster().entries(Keys.CLUSTER_POOLS).stream()
                .map(entry -> entry.read(PoolRanges.parser()))
                .toList());
    }

    private static boolean touches(Delta delta, String prefix) {
        return delta.puts().stream().anyMatch(put -> put.now().key().startsWith(prefix))
                || delta.gone().stream().anyMatch(entry -> entry.key().startsWith(prefix));
    }

    private void run() {
        while (!stopped) {
            try {
                if (happened.tryAcquire(PAUSE.toMillis(), TimeUnit.MILLISECONDS)) {
                    happened.drainPermits();
                }
                Optional<StoreId> restored = state.restored();
                if (!stopped && restored.isPresent() && adoption.proceed(restored.get())) {
                    forget();
                }
                if (!stopped && mayWrite()) {
                    state.store().filter(known -> known.restores() > 0).ifPresent(adoption::conclude);
                    live();
                    attachments();
                    withdrawals.look(
                            store,
                            state.node().node(),
                            leases,
                            endpoints.all().stream()
                                    .flatMap(attachment -> attachment.addresses().stream())
                                    .toList());
                    demand();
                    realised();
                    complained = false;
                } else if (live != null
                        && restored.isEmpty()
                        && state.stranger().isPresent()) {
                    live.close();
                    live = null;
                }
            } catch (InterruptedException e) {
                return;
            } catch (EtcdUnavailableException | EtcdRefusedException e) {
                if (!complained) {
                    LOG.warnf("the node's reports wait: %s", e.getMessage());
                    complained = true;
                }
            } catch (RuntimeException e) {
                LOG.errorf(e, "the node's reports failed; trying again");
            }
        }
    }

    private boolean mayWrite() {
        state.lock().lock();
        try {
            return state.store().isPresent()
                    && state.stranger().isEmpty()
                    && state.node().whole()
                    && state.cluster().whole();
        } finally {
            state.lock().unlock();
        }
    }

    /** What was written before a restore says nothing about what is there now. */
    private void forget() {
        report = new Report(store);
        lastDemand = null;
        lastRealised = Realised.getDefaultInstance();
        lastRealisedAt = 0;
    }

    private void live() {
        if (live == null) {
            live = LeasedKey.keep(
                    client,
                    store,
                    Keys.live(state.node().node()),
                    () -> Liveness.newBuilder()
                            .setSinceEpochMs(clock.millis())
                            .setVersion(version)
                            .build(),
                    LIFETIME);
        }
    }

    private void attachments() {
        String node = state.node().node();
        Map<String, Attached> wanted = new LinkedHashMap<>();
        for (Attachment attachment : endpoints.all()) {
            // of two containers of one workload the later one is meant: the other is going
            wanted.put(attachment.uid(), message(attachment));
        }
        Map<String, Entry> seen = new HashMap<>();
        state.lock().lock();
        try {
            report.seen(state.node().revision());
            state.node().entries(Keys.attachedOf(node)).forEach(entry -> seen.put(uid(node, entry), entry));
        } finally {
            state.lock().unlock();
        }
        wanted.forEach((uid, message) -> {
            Entry before = seen.get(uid);
            if (before == null || !before.read(Attached.parser()).equals(message)) {
                written(report.put(Keys.attached(node, uid), Optional.ofNullable(before), message));
            }
        });
        seen.forEach((uid, entry) -> {
            if (!wanted.containsKey(uid)) {
                written(report.delete(Keys.attached(node, uid), Optional.of(entry)));
            }
        });
    }

    /** Has what was not written tried again at once. */
    private OptionalLong written(OptionalLong revision) {
        if (revision.isEmpty()) {
            happened.release();
        }
        return revision;
    }

    private static String uid(String node, Entry entry) {
        return Keys.attachedOf(node).parts(entry.key())[0];
    }

    static Attached message(Attachment attachment) {
        return Attached.newBuilder()
                .setUid(attachment.uid())
                .setContainerId(attachment.containerId())
                .setInterface(attachment.interfaceName())
                .addAllAddresses(attachment.addresses())
                .setIdentity(attachment.identity())
                .build();
    }

    private void demand() {
        Key<Demand> key = Keys.demand(state.node().node());
        Set<String> pools = new HashSet<>();
        Optional<Entry> seen;
        state.lock().lock();
        try {
            for (Workload workload : state.node().workloads()) {
                pools.add(workload.getPool());
            }
            seen = state.node().entry(key);
        } finally {
            state.lock().unlock();
        }
        Demand demand = leases.demand(pools);
        if (demand.equals(lastDemand) && !leases.reclaiming()) {
            return;
        }
        OptionalLong revision = written(report.put(key, seen, demand));
        if (revision.isPresent()) {
            lastDemand = demand;
            leases.written(demand, revision.getAsLong());
        }
    }

    private void realised() {
        Key<Realised> key = Keys.realised(state.node().node());
        Realised.Builder now = Realised.newBuilder().setLevel(LEVEL);
        Optional<Entry> seen;
        boolean hurried;
        Set<String> documents;
        state.lock().lock();
        try {
            now.setRevision(realisation.revision()).addAllErrors(realisation.errors());
            seen = state.node().entry(key);
            documents = realisation.documents();
            hurried = awaited(state.cluster().awaited(), documents);
        } finally {
            state.lock().unlock();
        }
        boolean errorsChanged = !lastRealised.getErrorsList().equals(now.getErrorsList());
        boolean first = lastRealisedAt == 0;
        boolean behind = now.getRevision() != lastRealised.getRevision();
        boolean due = System.nanoTime() - lastRealisedAt >= UNHURRIED.toNanos();
        if (!first && !errorsChanged && !(behind && (hurried || due))) {
            return;
        }
        Realised message = now.setAtEpochMs(clock.millis()).build();
        if (written(report.put(key, seen, message)).isPresent()) {
            lastRealised = message;
            reportedDocuments = documents;
            lastRealisedAt = System.nanoTime();
        }
    }

    /** Whether somebody waits for a document that tables of this node hold, or held when it last reported. */
    private boolean awaited(Awaited awaited, Set<String> documents) {
        long now = clock.millis();
        return awaited.getDocumentsList().stream()
                .filter(document -> document.getUntilEpochMs() >= now)
                .map(Reporter::text)
                .anyMatch(document -> documents.contains(document) || reportedDocuments.contains(document));
    }

    private static String text(AwaitedDocument document) {
        return document.getNamespace().isEmpty()
                ? document.getKind() + " " + document.getName()
                : document.getKind() + " " + document.getNamespace() + "/" + document.getName();
    }
}

package io.pilus.identity.view;

import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.LabelSets;
import io.pilus.contract.v1.AdoptionReport;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityState;
import io.pilus.contract.v1.Prefix;
import io.pilus.contract.v1.Workload;
import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.messaging.etcd.EtcdChange.Entry;
import io.pilus.messaging.etcd.EtcdChange.Event;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.reactive.messaging.Incoming;
import org.jspecify.annotations.Nullable;

/**
 * The store as three channels have brought it here, each as of a revision of its own: whoever acts on it compares what he saw. Every
 * replica has it, so that a standby takes over from memory.
 */
@ApplicationScoped
public class ClusterView {

    private final Clock clock;

    private final Set<String> nodes = new HashSet<>();
    private final Map<Integer, SeenIdentity> identities = new HashMap<>();
    private final Map<Spot, SeenWorkload> workloads = new HashMap<>();
    private final Map<Spot, Seen<Attached>> attached = new HashMap<>();
    private final Map<Spot, Seen<Endpoint>> endpoints = new HashMap<>();
    private final Map<String, Map<String, Prefix>> blocks = new HashMap<>();
    private final Map<String, Seen<AdoptionReport>> reports = new HashMap<>();

    private final Map<Integer, Set<Spot>> users = new HashMap<>();
    private final Map<Integer, Instant> unusedSince = new HashMap<>();
    private final Set<Spot> touched = new LinkedHashSet<>();
    private final Set<String> removedNodes = new LinkedHashSet<>();

    private boolean intentSeen;
    private boolean nodesSeen;
    private boolean endpointsSeen;

    public ClusterView(Clock clock) {
        this.clock = clock;
    }

    @Incoming("intent-changes")
    @RunOnVirtualThread
    public synchronized void intent(EtcdChange change) {
        switch (change) {
            case EtcdChange.Snapshot all -> {
                nodes.clear();
                identities.clear();
                all.entries().forEach(this::putIntent);
                unusedSince.keySet().retainAll(identities.keySet());
                intentSeen = true;
                touchAll();
            }
            case EtcdChange.Revision some ->
                some.events().forEach(event -> {
                    switch (event) {
                        case Event.Put put -> putIntent(entry(put));
                        case Event.Deleted gone -> deleteIntent(gone.key());
                    }
                });
        }
        notifyAll();
    }

    @Incoming("node-changes")
    @RunOnVirtualThread
    public synchronized void nodes(EtcdChange change) {
        switch (change) {
            case EtcdChange.Snapshot all -> {
                new ArrayList<>(workloads.keySet()).forEach(this::removeWorkload);
                new ArrayList<>(attached.keySet()).forEach(this::removeAttached);
                blocks.clear();
                reports.clear();
                all.entries().forEach(this::putNodeState);
                nodesSeen = true;
                touchAll();
            }
            case EtcdChange.Revision some ->
                some.events().forEach(event -> {
                    switch (event) {
                        case Event.Put put -> putNodeState(entry(put));
                        case Event.Deleted gone -> deleteNodeState(gone.key());
                    }
                });
        }
        notifyAll();
    }

    @Incoming("endpoint-changes")
    @RunOnVirtualThread
    public synchronized void endpoints(EtcdChange change) {
        switch (change) {
            case EtcdChange.Snapshot all -> {
                new ArrayList<>(endpoints.keySet()).forEach(this::removeEndpoint);
                all.entries().forEach(this::putEndpoint);
                endpointsSeen = true;
                touchAll();
            }
            case EtcdChange.Revision some ->
                some.events().forEach(event -> {
                    switch (event) {
                        case Event.Put put -> putEndpoint(entry(put));
                        case Event.Deleted gone -> removeEndpoint(spot(Keys.ENDPOINTS, gone.key()));
                    }
                });
        }
        notifyAll();
    }

    /** Whether every channel has brought its first snapshot. */
    public synchronized boolean isComplete() {
        return intentSeen && nodesSeen && endpointsSeen;
    }

    /** Waits a while for something to be {@link #takeTouched touched}. */
    public synchronized void awaitTouched(long millis) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        for (long left = millis; left > 0 && (touched.isEmpty() || !isComplete()); ) {
            wait(left);
            left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        }
    }

    /** Endpoints of which something has changed since they were taken last, at most so many. */
    public synchronized List<EndpointFacts> takeTouched(int most) {
        List<EndpointFacts> taken = new ArrayList<>();
        for (var spots = touched.iterator(); spots.hasNext() && taken.size() < most; ) {
            taken.add(facts(spots.next()));
            spots.remove();
        }
        return taken;
    }

    /** Has the endpoints taken again. */
    public synchronized void touch(Collection<Spot> spots) {
        touched.addAll(spots);
    }

    /** Has every endpoint taken again. */
    public synchronized void touchAll() {
        touched.addAll(workloads.keySet());
        touched.addAll(attached.keySet());
        touched.addAll(endpoints.keySet());
    }

    /** Nodes that have gone since they were taken last. */
    public synchronized List<String> takeRemovedNodes() {
        List<String> taken = List.copyOf(removedNodes);
        removedNodes.clear();
        return taken;
    }

    /** All nodes that have left anything, registered or not. */
    public synchronized Set<String> nodesWithState() {
        Set<String> names = new TreeSet<>(blocks.keySet());
        workloads.keySet().forEach(spot -> names.add(spot.node()));
        attached.keySet().forEach(spot -> names.add(spot.node()));
        endpoints.keySet().forEach(spot -> names.add(spot.node()));
        return names;
    }

    /** What nodes have reported since a restore, by node. */
    public synchronized Map<String, Seen<AdoptionReport>> reports() {
        return Map.copyOf(reports);
    }

    public synchronized boolean isRegistered(String node) {
        return nodes.contains(node);
    }

    /** Identities that nothing has used since that time. */
    public synchronized List<SeenIdentity> unusedBefore(Instant time) {
        return unusedSince.entrySet().stream()
                .filter(entry -> entry.getValue().isBefore(time))
                .flatMap(entry -> Optional.ofNullable(identities.get(entry.getKey())).stream())
                .toList();
    }

    /** The workloads, attached or assigned, that have the identity, in order. */
    public synchronized List<User> users(int identity) {
        return users.getOrDefault(identity, Set.of()).stream()
                .sorted()
                .map(spot -> {
                    SeenWorkload workload = workloads.get(spot);
                    Seen<Endpoint> endpoint = endpoints.get(spot);
                    String namespace = workload != null
                            ? workload.namespace()
                            : endpoint == null ? null : endpoint.value().getNamespace();
                    String name = workload != null
                            ? workload.name()
                            : endpoint == null ? null : endpoint.value().getName();
                    return new User(spot, namespace, name, attached.containsKey(spot));
                })
                .toList();
    }

    /** How many workloads, attached or assigned, have the identity. */
    public synchronized int userCount(int identity) {
        return users.getOrDefault(identity, Set.of()).size();
    }

    /**
     * A workload that has an identity.
     *
     * @param namespace null, as name, when nothing but the node's word is left of it
     */
    public record User(
            Spot spot, @Nullable String namespace, @Nullable String name, boolean attached) {}

    private EndpointFacts facts(Spot spot) {
        return new EndpointFacts(
                spot,
                nodes.contains(spot.node()),
                attached.get(spot),
                workloads.get(spot),
                endpoints.get(spot),
                blocks.getOrDefault(spot.node(), Map.of()));
    }

    private void putIntent(Entry entry) {
        if (Keys.INTENT_NODES.contains(entry.key())) {
            String node = Keys.INTENT_NODES.parts(entry.key())[0];
            if (nodes.add(node)) {
                touchNode(node);
            }
        } else if (Keys.IDENTITIES.contains(entry.key())) {
            Identity identity = entry.parse(Identity.parser());
            identities.put(
                    identity.getId(),
                    new SeenIdentity(
                            identity.getId(),
                            LabelSets.hash(identity.getLabelSet()),
                            identity.getState() == IdentityState.IDENTITY_STATE_RETIRING,
                            entry.modRevision()));
            if (userCount(identity.getId()) == 0) {
                unusedSince.put(identity.getId(), clock.instant());
            }
        }
    }

    private void deleteIntent(String key) {
        if (Keys.INTENT_NODES.contains(key)) {
            String node = Keys.INTENT_NODES.parts(key)[0];
            nodes.remove(node);
            removedNodes.add(node);
            touchNode(node);
        } else if (Keys.IDENTITIES.contains(key)) {
            int id = Keys.identityNumber(Keys.IDENTITIES.parts(key)[0]);
            identities.remove(id);
            unusedSince.remove(id);
        }
    }

    private void putNodeState(Entry entry) {
        Path path = Path.of(entry.key());
        switch (path.kind()) {
            case WORKLOAD -> {
                Workload workload = entry.parse(Workload.parser());
                Spot spot = path.spot();
                removeWorkload(spot);
                workloads.put(
                        spot,
                        new SeenWorkload(
                                workload.getNamespace(),
                                workload.getName(),
                                workload.getIdentity(),
                                entry.modRevision()));
                use(workload.getIdentity(), spot);
            }
            case ATTACHED -> {
                Spot spot = path.spot();
                removeAttached(spot);
                Attached now = entry.parse(Attached.parser());
                attached.put(spot, new Seen<>(now, entry.modRevision()));
                use(now.getIdentity(), spot);
            }
            case BLOCK -> {
                blocks.computeIfAbsent(path.node(), node -> new HashMap<>())
                        .put(entry.key(), entry.parse(Block.parser()).getBlock());
                touchNode(path.node());
            }
            case REPORT ->
                reports.put(path.node(), new Seen<>(entry.parse(AdoptionReport.parser()), entry.modRevision()));
            case OTHER -> {}
        }
    }

    private void deleteNodeState(String key) {
        Path path = Path.of(key);
        switch (path.kind()) {
            case WORKLOAD -> removeWorkload(path.spot());
            case ATTACHED -> removeAttached(path.spot());
            case BLOCK -> {
                Map<String, Prefix> left = blocks.get(path.node());
                if (left != null && left.remove(key) != null && left.isEmpty()) {
                    blocks.remove(path.node());
                }
            }
            case REPORT -> reports.remove(path.node());
            case OTHER -> {}
        }
    }

    private void putEndpoint(Entry entry) {
        Spot spot = spot(Keys.ENDPOINTS, entry.key());
        removeEndpoint(spot);
        Endpoint endpoint = entry.parse(Endpoint.parser());
        endpoints.put(spot, new Seen<>(endpoint, entry.modRevision()));
        use(endpoint.getIdentity(), spot);
    }

    private void removeWorkload(Spot spot) {
        SeenWorkload before = workloads.remove(spot);
        if (before != null) {
            release(before.identity(), spot);
        }
    }

    private void removeAttached(Spot spot) {
        Seen<Attached> before = attached.remove(spot);
        if (before != null) {
            release(before.value().getIdentity(), spot);
        }
    }

    private void removeEndpoint(Spot spot) {
        Seen<Endpoint> before = endpoints.remove(spot);
        if (before != null) {
            release(before.value().getIdentity(), spot);
        }
    }

    private void use(int identity, Spot spot) {
        users.computeIfAbsent(identity, id -> new HashSet<>()).add(spot);
        unusedSince.remove(identity);
        touched.add(spot);
    }

    /** One of a workload, what its node attached, and what was published may go while another still has the identity. */
    private void release(int identity, Spot spot) {
        touched.add(spot);
        SeenWorkload workload = workloads.get(spot);
        Seen<Attached> said = attached.get(spot);
        Seen<Endpoint> published = endpoints.get(spot);
        boolean stays = (workload != null && workload.identity() == identity)
                || (said != null && said.value().getIdentity() == identity)
                || (published != null && published.value().getIdentity() == identity);
        Set<Spot> left = users.get(identity);
        if (!stays && left != null && left.remove(spot) && left.isEmpty()) {
            users.remove(identity);
            if (identities.containsKey(identity)) {
                unusedSince.put(identity, clock.instant());
            }
        }
    }

    private void touchNode(String node) {
        workloads.keySet().stream().filter(spot -> spot.node().equals(node)).forEach(touched::add);
        attached.keySet().stream().filter(spot -> spot.node().equals(node)).forEach(touched::add);
        endpoints.keySet().stream().filter(spot -> spot.node().equals(node)).forEach(touched::add);
    }

    private static Entry entry(Event.Put put) {
        return new Entry(put.key(), put.value(), put.modRevision());
    }

    private static Spot spot(KeyRange<?> range, String key) {
        String[] parts = range.parts(key);
        return new Spot(parts[0], parts[1]);
    }

    private enum Kind {
        WORKLOAD,
        ATTACHED,
        BLOCK,
        REPORT,
        OTHER
    }

    /** A key under {@code nodes/}, taken apart. */
    private record Path(Kind kind, String node, String last) {

        static Path of(String key) {
            int end = key.indexOf('/', Keys.NODES.length());
            if (end < 0) {
                return new Path(Kind.OTHER, "", "");
            }
            String node = key.substring(Keys.NODES.length(), end);
            if (Keys.workloadsOf(node).contains(key)) {
                return new Path(Kind.WORKLOAD, node, Keys.workloadsOf(node).parts(key)[0]);
            }
            if (Keys.attachedOf(node).contains(key)) {
                return new Path(Kind.ATTACHED, node, Keys.attachedOf(node).parts(key)[0]);
            }
            if (Keys.blocksOf(node).contains(key)) {
                return new Path(Kind.BLOCK, node, "");
            }
            return new Path(Keys.adoptionReport(node).path().equals(key) ? Kind.REPORT : Kind.OTHER, node, "");
        }

        Spot spot() {
            return new Spot(node, last);
        }
    }
}

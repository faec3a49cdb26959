package io.pilus.identity.adoption;

import io.pilus.contract.Identities;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.LabelSets;
import io.pilus.contract.v1.AdoptionReport;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.BlockOwner;
import io.pilus.contract.v1.ClusterAdopted;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityInUse;
import io.pilus.contract.v1.IdentityNumber;
import io.pilus.contract.v1.IdentityState;
import io.pilus.contract.v1.LabelSet;
import io.pilus.contract.v1.NodeAdopted;
import io.pilus.contract.v1.NumberCursor;
import io.pilus.contract.v1.Workload;
import io.pilus.contract.v1.WorkloadLocation;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.etcd.StoreId;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.TransactionResult;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.alarm.Alarms;
import io.pilus.identity.view.ClusterView;
import io.pilus.identity.view.Seen;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The leader's work after a restore. Nodes report what they have; what the backup lacks of that is written again, with the numbers
 * that it has. When everything that the registered nodes reported is in the store, compiled and published, {@code cluster/adopted}
 * says so, and each node may go on from the store. What does not fit is an alarm and holds all of that up: nobody but an operator
 * can say which of two is meant (docs/decisions/0007).
 */
@ApplicationScoped
public class Adoption {

    private static final Logger LOG = Logger.getLogger(Adoption.class);

    private static final String SUBJECT = "restore";

    /** How far numbers jump: what was given after the backup and is on no node any more lies below. */
    private static final int JUMP = 1 << 16;

    private static final int NAMED = 5;

    private final EpochStore epochs;
    private final EtcdStore store;
    private final ClusterView view;
    private final Alarms alarms;
    private final IdentityConfig config;
    private Set<String> raised = Set.of();

    Adoption(EpochStore epochs, EtcdStore store, ClusterView view, Alarms alarms, IdentityConfig config) {
        this.epochs = epochs;
        this.store = store;
        this.view = view;
        this.alarms = alarms;
        this.config = config;
    }

    /**
     * One round.
     *
     * @return whether the store has all that nodes have: only then may anything be collected
     */
    public boolean adopt(Term term) {
        Optional<StoreId> epoch = epochs.find();
        if (epoch.isEmpty() || epoch.get().restores() == 0) {
            return true;
        }
        long restores = epoch.get().restores();
        boolean complete = epochs.isAdopted(epoch.get());
        Map<String, Seen<AdoptionReport>> reports = new TreeMap<>(view.reports());
        reports.values().removeIf(report -> report.value().getRestores() != restores);
        if (complete && reports.isEmpty()) {
            show(Map.of());
            return true;
        }
        var round = new Round(term, restores, reports);
        round.takeIn();
        Set<String> settled = reports.keySet().stream()
                .filter(node -> view.isRegistered(node) && round.settled(node))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> outstanding = complete ? Set.of() : round.outstanding(settled);
        boolean answered = false;
        if (outstanding.isEmpty()) {
            answered = round.answer(settled, complete);
        } else {
            round.problem(
                    SUBJECT,
                    "the store was restored from a backup; nothing is numbered before these nodes have reported what they have"
                            + " and that is in the store again: %s%s. Start their agents, see to the other alarms, or remove nodes"
                                    .formatted(
                                            outstanding.stream().limit(NAMED).collect(Collectors.joining(", ")),
                                            outstanding.size() > NAMED ? ", ..." : "")
                            + " that will not come back (DELETE /v1/nodes/{node})");
        }
        show(round.problems);
        return complete || answered;
    }

    /** Another replica leads, and says what is in the way. */
    public void standBy() {
        show(Map.of());
    }

    private void show(Map<String, String> problems) {
        problems.forEach((subject, message) ->
                alarms.raise(subject, subject.equals(SUBJECT) ? "restore-incomplete" : "restore-conflict", message));
        raised.stream().filter(subject -> !problems.containsKey(subject)).forEach(alarms::clear);
        raised = Set.copyOf(problems.keySet());
    }

    /** What the reports say, against what the store has. */
    private final class Round {
        final Term term;
        final long restores;
        final Map<String, Seen<AdoptionReport>> reports;
        final Map<String, String> problems = new TreeMap<>();
        final Set<String> held = new HashSet<>();
        final Map<Integer, LabelSet> labels = new TreeMap<>();
        final Map<Integer, Set<String>> nodesOf = new HashMap<>();
        final Set<Integer> doubtful = new HashSet<>();
        final Map<String, String> attachedOn = new HashMap<>();

        Round(Term term, long restores, Map<String, Seen<AdoptionReport>> reports) {
            this.term = term;
            this.restores = restores;
            this.reports = reports;
        }

        void problem(String subject, String message) {
            problems.put(subject, message);
        }

        void conflict(int id, String message) {
            doubtful.add(id);
            Set<String> nodes = nodesOf.getOrDefault(id, Set.of());
            held.addAll(nodes);
            problem(
                    "restore identity " + Identities.name(id),
                    message + ". It is on "
                            + nodes.stream().sorted().limit(NAMED).collect(Collectors.joining(", "))
                            + "; detach the workloads that have it there, and create them again");
        }

        /** Writes what fits. */
        void takeIn() {
            reports.forEach((node, report) ->
                    report.value().getAttachedList().forEach(attached -> attachedOn.put(attached.getUid(), node)));
            collect();
            labels.forEach((id, labelSet) -> {
                if (!doubtful.contains(id)) {
                    takeIn(id, labelSet);
                }
            });
            reports.forEach((node, report) -> {
                if (view.isRegistered(node)) {
                    report.value().getWorkloadsList().forEach(workload -> takeIn(node, workload));
                    dropDetached(node, report);
                }
            });
        }

        private void collect() {
            Map<String, Integer> numbers = new HashMap<>();
            reports.forEach((node, report) -> {
                for (IdentityInUse identity : report.value().getIdentitiesList()) {
                    int id = identity.getId();
                    nodesOf.computeIfAbsent(id, _ -> new TreeSet<>()).add(node);
                    if (identity.hasLabelSet()) {
                        LabelSet before = labels.putIfAbsent(id, identity.getLabelSet());
                        Integer other = numbers.putIfAbsent(LabelSets.hash(identity.getLabelSet()), id);
                        if (before != null && !before.equals(identity.getLabelSet())) {
                            conflict(id, "nodes have identity %d with two label sets".formatted(id));
                        }
                        if (other != null && other != id) {
                            conflict(
                                    id,
                                    "nodes have the label set of identity %d with number %d too".formatted(id, other));
                            conflict(
                                    other,
                                    "nodes have the label set of identity %d with number %d too".formatted(other, id));
                        }
                    }
                }
            });
        }

        private void takeIn(int id, LabelSet labelSet) {
            var identity = Keys.identity(id);
            var number = Keys.labels(LabelSets.hash(labelSet));
            var freed = Keys.freedNumber(id);
            TransactionResult seen = store.transaction()
                    .getting(List.of(identity, number, freed))
                    .commit();
            Optional<Versioned<Identity>> stored = seen.read(identity);
            Optional<Versioned<IdentityNumber>> numbered = seen.read(number);
            if (stored.isPresent() && !sameLabels(stored.get().value().getLabelSet(), labelSet)) {
                conflict(id, "the store has identity %d with another label set than the nodes".formatted(id));
                return;
            }
            if (numbered.isPresent() && numbered.get().value().getId() != id) {
                conflict(
                        id,
                        "the label set of identity %d has number %d in the store"
                                .formatted(id, numbered.get().value().getId()));
                return;
            }
            if (stored.isPresent()
                    && numbered.isPresent()
                    && stored.get().value().getState() == IdentityState.IDENTITY_STATE_LIVE) {
                return;
            }
            Transaction transaction = term.guard(store.transaction())
                    .put(
                            identity,
                            Identity.newBuilder()
                                    .setId(id)
                                    .setLabelSet(labelSet)
                                    .setState(IdentityState.IDENTITY_STATE_LIVE)
                                    .build())
                    .put(number, IdentityNumber.newBuilder().setId(id).build())
                    .delete(freed);
            stored.ifPresentOrElse(transaction::ifUnchanged, () -> transaction.ifAbsent(identity));
            numbered.ifPresentOrElse(transaction::ifUnchanged, () -> transaction.ifAbsent(number));
            if (transaction.commit().succeeded() && stored.isEmpty()) {
                LOG.infof("identity %d is taken over from %s", id, nodesOf.get(id));
            }
        }

        private void takeIn(String node, Workload reported) {
            LabelSet labelSet = labels.get(reported.getIdentity());
            String subject = "restore workload " + reported.getNamespace() + "/" + reported.getName();
            if (labelSet == null || doubtful.contains(reported.getIdentity())) {
                held.add(node);
                return;
            }
            Workload wanted = reported.toBuilder().setLabelSet(labelSet).build();
            var workload = Keys.workload(node, reported.getUid());
            var location = Keys.workloadLocation(reported.getNamespace(), reported.getName());
            var namespace = Keys.namespace(reported.getNamespace());
            TransactionResult seen = store.transaction()
                    .getting(List.of(workload, location, namespace))
                    .commit();
            Optional<Versioned<Workload>> stored = seen.read(workload);
            Optional<Versioned<WorkloadLocation>> located = seen.read(location);
            if (seen.read(namespace).isEmpty()) {
                held.add(node);
                problem(
                        subject,
                        "it runs on node '%s', and the backup has no namespace '%2$s'; create that with its labels: PUT /v1/namespaces/%2$s"
                                .formatted(node, reported.getNamespace()));
                return;
            }
            Transaction transaction = term.guard(store.transaction())
                    .ifPresent(Keys.identity(reported.getIdentity()))
                    .put(workload, wanted)
                    .put(
                            location,
                            WorkloadLocation.newBuilder()
                                    .setNode(node)
                                    .setUid(reported.getUid())
                                    .build());
            if (located.isPresent() && !located.get().value().getUid().equals(reported.getUid())) {
                WorkloadLocation other = located.get().value();
                if (attachedOn.containsKey(other.getUid())) {
                    held.add(node);
                    problem(
                            subject,
                            "workloads %s on node '%s' and %s on node '%s' have this name; detach one of them"
                                    .formatted(other.getUid(), other.getNode(), reported.getUid(), node));
                    return;
                }
                if (view.isRegistered(other.getNode()) && !reports.containsKey(other.getNode())) {
                    held.add(node); // it may have the older one still
                    return;
                }
                transaction.delete(Keys.workload(other.getNode(), other.getUid()));
            } else if (located.isPresent()
                    && stored.isPresent()
                    && stored.get().value().equals(wanted)) {
                return;
            }
            stored.ifPresentOrElse(transaction::ifUnchanged, () -> transaction.ifAbsent(workload));
            located.ifPresentOrElse(transaction::ifUnchanged, () -> transaction.ifAbsent(location));
            transaction.commit();
        }

        /** The backup may say of workloads that went since that they are attached, under addresses that others have by now. */
        private void dropDetached(String node, Seen<AdoptionReport> report) {
            Set<String> uids = uids(report);
            store.listAll(Keys.attachedOf(node)).stream()
                    .filter(found -> !uids.contains(found.value().getUid()))
                    .forEach(found -> term.guard(store.transaction())
                            .ifModRevision(Keys.adoptionReport(node), report.modRevision())
                            .ifUnchanged(found)
                            .delete(Keys.attached(node, found.value().getUid()))
                            .commit());
        }

        /** Whether everything of the node's report is in the store, compiled and published. */
        boolean settled(String node) {
            AdoptionReport report = Objects.requireNonNull(reports.get(node)).value();
            return !held.contains(node) && identities(report) && workloads(node, report) && blocks(node, report);
        }

        private boolean identities(AdoptionReport report) {
            List<Integer> ids = report.getIdentitiesList().stream()
                    .map(IdentityInUse::getId)
                    .toList();
            List<Key<?>> keys = new ArrayList<>(List.of(Keys.COMPILED));
            ids.forEach(id -> keys.addAll(List.of(Keys.identity(id), Keys.identityPolicy(id))));
            List<@Nullable Versioned<?>> found = store.getAll(keys);
            Versioned<?> compiled = found.getFirst();
            long revision = compiled != null && compiled.value() instanceof Compiled value ? value.getRevision() : 0;
            boolean all = true;
            for (int i = 0; i < ids.size(); i++) {
                Versioned<?> identity = found.get(1 + 2 * i);
                if (identity == null && !labels.containsKey(ids.get(i))) {
                    conflict(
                            ids.get(i),
                            "no node knows the label set of identity %d, nor does the store".formatted(ids.get(i)));
                }
                all &= identity != null && identity.modRevision() <= revision && found.get(2 + 2 * i) != null;
            }
            return all;
        }

        private boolean workloads(String node, AdoptionReport report) {
            Map<String, Endpoint> published = new HashMap<>();
            store.forEach(
                    Keys.endpointsOf(node), found -> published.put(found.value().getUid(), found.value()));
            return published.size() == report.getAttachedCount()
                    && report.getAttachedList().stream().allMatch(attached -> {
                        Endpoint endpoint = published.get(attached.getUid());
                        return endpoint != null
                                && endpoint.getIdentity() == attached.getIdentity()
                                && endpoint.getAddressesList().equals(attached.getAddressesList());
                    });
        }

        private boolean blocks(String node, AdoptionReport report) {
            List<Key<?>> keys = new ArrayList<>();
            for (Block block : report.getBlocksList()) {
                keys.add(Keys.clusterBlock(block.getPool(), block.getBlock()));
                keys.add(Keys.nodeBlock(node, block.getPool(), block.getBlock()));
            }
            Predicate<@Nullable Versioned<?>> right = found -> found != null
                    && (!(found.value() instanceof BlockOwner owner)
                            || owner.getNode().equals(node));
            return store.getAll(keys).stream().allMatch(right);
        }

        /** Nodes that must be settled before anybody goes on. */
        Set<String> outstanding(Set<String> settled) {
            Set<String> outstanding = new TreeSet<>();
            for (var registered : store.listAll(Keys.INTENT_NODES)) {
                String node = registered.value().getName();
                boolean answered = store.get(Keys.nodeAdopted(node))
                        .filter(found -> found.value().getRestores() == restores)
                        .isPresent();
                if (!settled.contains(node) && !answered) {
                    outstanding.add(node);
                }
            }
            reports.keySet().stream()
                    .filter(node -> !view.isRegistered(node)
                            && store.get(Keys.live(node)).isPresent())
                    .forEach(node -> {
                        outstanding.add(node);
                        problem(
                                "restore node " + node,
                                "its agent runs, and the backup does not have the node; register it (PUT /v1/nodes/%s) or stop its agent"
                                        .formatted(node));
                    });
            return outstanding;
        }

        /** Lets the nodes go on; the first time, with numbers far above all that were seen. */
        boolean answer(Set<String> settled, boolean complete) {
            Set<String> due = settled.stream()
                    .filter(node -> store.get(Keys.nodeAdopted(node))
                            .filter(found -> found.value().getRestores() == restores
                                    && found.value().getReportRevision()
                                            == Objects.requireNonNull(reports.get(node))
                                                    .modRevision())
                            .isEmpty())
                    .collect(Collectors.toCollection(TreeSet::new));
            if (complete && due.isEmpty()) {
                return true;
            }
            Transaction transaction = term.guard(store.transaction())
                    .put(
                            Keys.CLUSTER_ADOPTED,
                            ClusterAdopted.newBuilder().setRestores(restores).build());
            if (!complete) {
                jump(transaction);
            }
            TransactionResult said = transaction.commit();
            if (!said.succeeded()) {
                return false;
            }
            if (!complete) {
                LOG.infof("the restore %d is complete: every registered node's state is in the store", restores);
            }
            for (String node : due) {
                long reported = Objects.requireNonNull(reports.get(node)).modRevision();
                term.guard(store.transaction())
                        .ifModRevision(Keys.adoptionReport(node), reported)
                        .put(
                                Keys.nodeAdopted(node),
                                NodeAdopted.newBuilder()
                                        .setRestores(restores)
                                        .setReportRevision(reported)
                                        .setClusterRevision(said.revision())
                                        .build())
                        .commit();
            }
            return true;
        }

        private void jump(Transaction transaction) {
            int first = config.numbers().first();
            int last = config.numbers().last();
            Optional<Versioned<NumberCursor>> cursor = store.get(Keys.NUMBERS);
            List<Integer> seen = new ArrayList<>(labels.keySet());
            seen.add(first);
            cursor.ifPresent(found -> seen.add(found.value().getNext()));
            store.forEach(Keys.IDENTITIES, found -> seen.add(found.value().getId()));
            store.forEach(Keys.FREED_NUMBERS, found -> seen.add(found.value().getId()));
            long next = seen.stream().mapToInt(Integer::intValue).max().orElse(first) + (long) JUMP;
            if (next > last) {
                next = first + (next - first) % ((long) last - first + 1);
            }
            transaction.put(
                    Keys.NUMBERS, NumberCursor.newBuilder().setNext((int) next).build());
            cursor.ifPresentOrElse(transaction::ifUnchanged, () -> transaction.ifAbsent(Keys.NUMBERS));
        }
    }

    private static boolean sameLabels(LabelSet one, LabelSet other) {
        return LabelSets.hash(one).equals(LabelSets.hash(other));
    }

    private static Set<String> uids(Seen<AdoptionReport> report) {
        return report.value().getAttachedList().stream().map(Attached::getUid).collect(Collectors.toSet());
    }
}

package io.pilus.identity.collect;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.pilus.contract.Key;
import io.pilus.contract.KeyRange;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.FreedNumber;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.IdentityState;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.TransactionResult;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.view.ClusterView;
import io.pilus.identity.view.SeenIdentity;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Gatherers;

/**
 * Releases identities in three steps, each of which may be the last before a crash. An identity that the view shows unused for the
 * quarantine is set retiring: whoever gives it to a workload from then on turns it back to live. When a look at the store
 * finds no user a quarantine later, a transaction that compares the identity's mod revision deletes it and notes its number as
 * freed. The note goes, and the number may be given again, when the compile leader has withdrawn the identity and every registered
 * node has realised that.
 */
@ApplicationScoped
public class Collector {

    /** How many objects one transaction writes; releasing an identity is three keys. */
    private static final int BATCH = 40;

    /** A look at the store is followed by so many times its length without one, but not by more than {@link #LONGEST_REST}. */
    private static final int REST = 10;

    private static final Duration LONGEST_REST = Duration.ofSeconds(30);

    private final EtcdStore store;
    private final ClusterView view;
    private final IdentityConfig.Collection config;
    private final Clock clock;
    private final Counter released;
    private final Counter returned;
    private Instant nextLook = Instant.MIN;

    Collector(EtcdStore store, ClusterView view, IdentityConfig config, Clock clock, MeterRegistry registry) {
        this.store = store;
        this.view = view;
        this.config = config.collection();
        this.clock = clock;
        this.released = registry.counter("pilus.identities.released");
        this.returned = registry.counter("pilus.identities.numbers.returned");
    }

    /**
     * One round.
     *
     * @param beat called often while it lasts
     */
    public void collect(Term term, Runnable beat) {
        List<SeenIdentity> unused = view.unusedBefore(clock.instant().minus(config.quarantine()));
        retire(unused.stream().filter(identity -> !identity.retiring()).toList(), term, beat);
        List<SeenIdentity> retiring =
                unused.stream().filter(SeenIdentity::retiring).toList();
        if (!retiring.isEmpty() && !clock.instant().isBefore(nextLook)) {
            release(retiring, term, beat);
        }
        returnNumbers(term, beat);
    }

    /** A batch in which one was written meanwhile is left to the next round. */
    private void retire(List<SeenIdentity> unused, Term term, Runnable beat) {
        for (List<SeenIdentity> batch : batches(unused)) {
            beat.run();
            TransactionResult read = store.transaction()
                    .getting(batch.stream()
                            .map(identity -> Keys.identity(identity.id()))
                            .toList())
                    .commit();
            Transaction transaction = term.guard(store.transaction());
            for (SeenIdentity seen : batch) {
                Key<Identity> key = Keys.identity(seen.id());
                read.read(key)
                        .filter(identity -> identity.modRevision() == seen.modRevision())
                        .ifPresent(identity -> transaction
                                .ifUnchanged(identity)
                                .put(
                                        key,
                                        identity.value().toBuilder()
                                                .setState(IdentityState.IDENTITY_STATE_RETIRING)
                                                .build()));
            }
            transaction.commit();
        }
    }

    private void release(List<SeenIdentity> retiring, Term term, Runnable beat) {
        Instant began = clock.instant();
        Set<Integer> used = identitiesInUse(beat);
        Duration rest = Duration.between(began, clock.instant()).multipliedBy(REST);
        nextLook = clock.instant().plus(rest.compareTo(LONGEST_REST) < 0 ? rest : LONGEST_REST);
        List<SeenIdentity> unused = retiring.stream()
                .filter(identity -> !used.contains(identity.id()))
                .toList();
        for (List<SeenIdentity> batch : batches(unused)) {
            beat.run();
            Transaction transaction = term.guard(store.transaction());
            for (SeenIdentity identity : batch) {
                transaction
                        .ifModRevision(Keys.identity(identity.id()), identity.modRevision())
                        .delete(Keys.identity(identity.id()))
                        .delete(Keys.labels(identity.hash()))
                        .put(
                                Keys.freedNumber(identity.id()),
                                FreedNumber.newBuilder().setId(identity.id()).build());
            }
            if (transaction.commit().succeeded()) {
                released.increment(batch.size());
            }
        }
    }

    /** As the store says, after the identities in question have been set retiring. */
    private Set<Integer> identitiesInUse(Runnable beat) {
        Set<Integer> used = new HashSet<>();
        Set<String> nodes = new TreeSet<>(view.nodesWithState());
        nodes.addAll(registeredNodes());
        for (String node : nodes) {
            beat.run();
            KeyRange<Workload> workloads = Keys.workloadsOf(node);
            store.forEach(workloads, found -> used.add(found.value().getIdentity()));
            KeyRange<Attached> attached = Keys.attachedOf(node);
            store.forEach(attached, found -> used.add(found.value().getIdentity()));
            KeyRange<Endpoint> published = Keys.endpointsOf(node);
            store.forEach(published, found -> used.add(found.value().getIdentity()));
        }
        return used;
    }

    private void returnNumbers(Term term, Runnable beat) {
        List<Versioned<FreedNumber>> freed = store.listAll(Keys.FREED_NUMBERS);
        if (freed.isEmpty()) {
            return;
        }
        long realised = realisedEverywhere();
        for (List<Versioned<FreedNumber>> batch : batches(freed)) {
            beat.run();
            noteWithdrawn(
                    batch.stream()
                            .filter(number -> number.value().getGoneBy() == 0)
                            .toList(),
                    term);
            giveBack(
                    batch.stream()
                            .filter(number -> number.value().getGoneBy() != 0
                                    && number.value().getGoneBy() <= realised)
                            .toList(),
                    term);
        }
    }

    /** Notes the revision by which nothing of the identity is left in {@code cluster/}. */
    private void noteWithdrawn(List<Versioned<FreedNumber>> numbers, Term term) {
        if (numbers.isEmpty()) {
            return;
        }
        List<Key<?>> reads = new ArrayList<>(List.of(Keys.COMPILED));
        numbers.forEach(number -> reads.add(Keys.identityPolicy(number.value().getId())));
        TransactionResult now = store.transaction().getting(reads).commit();
        long compiled = now.read(Keys.COMPILED)
                .map(found -> found.value().getRevision())
                .orElse(0L);
        List<Versioned<FreedNumber>> withdrawn = numbers.stream()
                .filter(number -> number.modRevision() <= compiled
                        && now.read(Keys.identityPolicy(number.value().getId())).isEmpty())
                .toList();
        if (!withdrawn.isEmpty()) {
            var transaction = term.guard(store.transaction());
            withdrawn.forEach(number -> transaction
                    .ifUnchanged(number)
                    .put(
                            Keys.freedNumber(number.value().getId()),
                            number.value().toBuilder().setGoneBy(now.revision()).build()));
            transaction.commit();
        }
    }

    private void giveBack(List<Versioned<FreedNumber>> numbers, Term term) {
        if (numbers.isEmpty()) {
            return;
        }
        var transaction = term.guard(store.transaction());
        numbers.forEach(number -> transaction
                .ifUnchanged(number)
                .delete(Keys.freedNumber(number.value().getId())));
        if (transaction.commit().succeeded()) {
            returned.increment(numbers.size());
        }
    }

    /** What every registered node has realised; 0 as long as one has never reported. */
    private long realisedEverywhere() {
        List<String> nodes = registeredNodes();
        long lowest = Long.MAX_VALUE;
        for (List<String> batch : batches(nodes)) {
            var keys = batch.stream().map(Keys::realised).toList();
            TransactionResult read = store.transaction().getting(keys).commit();
            for (var key : keys) {
                lowest = Math.min(
                        lowest,
                        read.read(key).map(found -> found.value().getRevision()).orElse(0L));
            }
        }
        return lowest;
    }

    private static <T> List<List<T>> batches(List<T> all) {
        return all.stream().gather(Gatherers.windowFixed(BATCH)).toList();
    }

    private List<String> registeredNodes() {
        List<String> names = new ArrayList<>();
        KeyRange<Node> nodes = Keys.INTENT_NODES;
        store.forEach(nodes, found -> names.add(found.value().getName()));
        return names;
    }
}

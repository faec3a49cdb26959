package io.pilus.identity.endpoint;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.etcd.Transaction;
import io.pilus.identity.alarm.Alarms;
import io.pilus.identity.view.ClusterView;
import io.pilus.identity.view.EndpointFacts;
import io.pilus.identity.view.Spot;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Publishes endpoints as {@link Decision} says. Everything that a decision rested on is compared when it is written: a view that lags
 * behind costs another attempt and nothing else.
 */
@ApplicationScoped
public class EndpointPublisher {

    /** How many endpoints one transaction writes; each compares at most seven keys. */
    private static final int BATCH = 16;

    private final EtcdStore store;
    private final ClusterView view;
    private final Alarms alarms;
    private final Counter published;
    private final Counter withdrawn;

    EndpointPublisher(EtcdStore store, ClusterView view, Alarms alarms, MeterRegistry registry) {
        this.store = store;
        this.view = view;
        this.alarms = alarms;
        this.published = registry.counter("pilus.endpoints.published");
        this.withdrawn = registry.counter("pilus.endpoints.withdrawn");
    }

    private record Change(EndpointFacts facts, Decision decision) {}

    /** How far {@link #publishSome} came. */
    public enum Progress {
        /** There was nothing to look at. */
        IDLE,
        /** There may be more. */
        DONE,
        /** Others wrote at the same time, and the view has to catch up. */
        LATE
    }

    /** Looks at some endpoints of which something has changed. Without a term it only sees to the alarms. */
    public Progress publishSome(Optional<Term> term) {
        List<EndpointFacts> touched = view.takeTouched(BATCH);
        List<Change> changes = new ArrayList<>();
        for (EndpointFacts facts : touched) {
            Decision decision = Decision.of(facts);
            String subject =
                    "endpoint " + facts.spot().node() + "/" + facts.spot().uid();
            if (decision instanceof Decision.Refuse refuse) {
                alarms.raise(subject, refuse.reason(), refuse.message());
            } else {
                alarms.clear(subject);
            }
            if (decision instanceof Decision.Publish || decision instanceof Decision.Withdraw) {
                changes.add(new Change(facts, decision));
            }
        }
        if (touched.isEmpty()) {
            return Progress.IDLE;
        }
        return term.isEmpty() || changes.isEmpty() || write(changes, term.get()) ? Progress.DONE : Progress.LATE;
    }

    private boolean write(List<Change> changes, Term term) {
        try {
            if (commit(changes, term)) {
                return true;
            }
            List<Spot> failed = new ArrayList<>();
            for (Change change : changes) {
                if (!commit(List.of(change), term)) {
                    failed.add(change.facts().spot());
                }
            }
            view.touch(failed);
            return failed.isEmpty();
        } catch (RuntimeException e) {
            view.touch(changes.stream().map(change -> change.facts().spot()).toList());
            throw e;
        }
    }

    private boolean commit(List<Change> changes, Term term) {
        Transaction transaction = term.guard(store.transaction());
        changes.forEach(change -> add(change, transaction));
        boolean written = transaction.commit().succeeded();
        if (written) {
            changes.forEach(
                    change -> (change.decision() instanceof Decision.Withdraw ? withdrawn : published).increment());
        }
        return written;
    }

    private static void add(Change change, Transaction transaction) {
        EndpointFacts facts = change.facts();
        Spot spot = facts.spot();
        Key<Endpoint> endpoint = Keys.endpoint(spot.node(), spot.uid());
        Key<Attached> attached = Keys.attached(spot.node(), spot.uid());
        Key<Workload> workload = Keys.workload(spot.node(), spot.uid());
        if (facts.published() == null) {
            transaction.ifAbsent(endpoint);
        } else {
            transaction.ifModRevision(endpoint, facts.published().modRevision());
        }
        switch (change.decision()) {
            case Decision.Publish publish -> {
                transaction.ifPresent(Keys.intentNode(spot.node())).put(endpoint, publish.endpoint());
                if (facts.attached() != null) {
                    transaction.ifModRevision(attached, facts.attached().modRevision());
                }
                if (facts.workload() != null) {
                    transaction.ifModRevision(workload, facts.workload().modRevision());
                }
                publish.blocks()
                        .forEach(key ->
                                transaction.ifPresent(Keys.blocksOf(spot.node()).key(key)));
            }
            case Decision.Withdraw _ -> {
                transaction
                        .ifAbsent(facts.registered() ? attached : Keys.intentNode(spot.node()))
                        .delete(endpoint);
            }
            case Decision.Keep _, Decision.Refuse _ -> throw new IllegalArgumentException(change.toString());
        }
    }
}

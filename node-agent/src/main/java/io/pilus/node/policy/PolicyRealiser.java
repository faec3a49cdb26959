package io.pilus.node.policy;

import io.pilus.contract.v1.RealisedError;
import io.pilus.contract.v1.Workload;
import io.pilus.node.datapath.Datapath;
import io.pilus.node.endpoint.Attachment;
import io.pilus.node.endpoint.Deadline;
import io.pilus.node.endpoint.Endpoints;
import io.pilus.node.endpoint.Readiness;
import io.pilus.node.endpoint.Readiness.Missing;
import io.pilus.node.endpoint.Readiness.NotReady;
import io.pilus.node.endpoint.Realiser;
import io.pilus.node.endpoint.WorkloadRef;
import io.pilus.node.report.Realisation;
import io.pilus.node.route.RouteKeeper;
import io.pilus.node.state.ClusterView;
import io.pilus.node.state.Delta;
import io.pilus.node.state.NodeState;
import io.pilus.node.state.StateListener;
import io.quarkus.runtime.ShutdownEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import org.jboss.logging.Logger;

/**
 * Has the engine follow the views: what this node's workloads need is in the kernel before anybody attaches them. Also
 * moves running workloads to their new identity, the table first.
 */
@Singleton
@Priority(PolicyRealiser.FIRST)
class PolicyRealiser implements StateListener, Realiser, Realisation {

    /** Before the routes: an identity is known to the tables when its address appears. */
    static final int FIRST = 100;

    private static final Logger LOG = Logger.getLogger(PolicyRealiser.class);

    /** How long a packet may look into a table after the slot's word has changed: far longer than any packet takes. */
    private static final int GRACE_MS = 300;

    private static final int RETRY_SECONDS = 5;

    private final NodeState state;
    private final Endpoints endpoints;
    private final RouteKeeper routes;
    private final PolicyEngine engine;
    private final Condition changed;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("policy").daemon().factory());

    /** What is being attached and not yet among the endpoints: container to identity. */
    private final Map<String, Integer> held = new HashMap<>();

    private boolean started;
    private long realised;

    PolicyRealiser(
            NodeState state, Datapath datapath, Endpoints endpoints, RouteKeeper routes, RuleNumberFile numbers) {
        this.state = state;
        this.endpoints = endpoints;
        this.routes = routes;
        var maps = new PolicyMaps(
                datapath.map("slots_v1"),
                datapath.map("tables_v1"),
                datapath.map("peer_classes_v1"),
                datapath.map("address_classes_v1"),
                datapath.map("port_classes_v1"),
                datapath.map("cells_v1"));
        this.engine = new PolicyEngine(state.cluster(), KernelTables.open(maps), Slots.open(maps), numbers);
        this.changed = state.lock().newCondition();
        var _ = timer.scheduleWithFixedDelay(this::retry, RETRY_SECONDS, RETRY_SECONDS, TimeUnit.SECONDS);
    }

    void stop(@Observes ShutdownEvent event) {
        timer.shutdownNow();
    }

    @Override
    public void loaded() {
        startWhenWhole();
        settled();
    }

    @Override
    public void clusterChanged(Delta delta) {
        if (!startWhenWhole()) {
            engine.apply(delta);
        }
        settled();
    }

    @Override
    public void nodeChanged(Delta delta) {
        if (!startWhenWhole()) {
            engine.subjects(wanted());
        }
        settled();
    }

    @Override
    public Readiness await(String containerId, WorkloadRef ref, Deadline deadline) throws InterruptedException {
        state.lock().lock();
        try {
            while (true) {
                Readiness readiness = look(ref);
                if (readiness instanceof Readiness.Ready ready) {
                    held.put(containerId, ready.identity());
                    return readiness;
                }
                long left = deadline.remaining().toNanos();
                if (left <= 0 || changed.awaitNanos(left) <= 0) {
                    return look(ref) instanceof Readiness.Ready ready ? hold(containerId, ready) : readiness;
                }
            }
        } finally {
            state.lock().unlock();
        }
    }

    @Override
    public void release(String containerId) {
        state.lock().lock();
        try {
            held.remove(containerId);
            if (started) {
                engine.subjects(wanted());
                settled();
            }
        } finally {
            state.lock().unlock();
        }
    }

    @Override
    public long revision() {
        return realised;
    }

    @Override
    public List<RealisedError> errors() {
        List<RealisedError> errors = new ArrayList<>(engine.errors());
        errors.addAll(routes.errors());
        return errors;
    }

    @Override
    public Set<String> documents() {
        return engine.documents();
    }

    private Readiness hold(String containerId, Readiness.Ready ready) {
        held.put(containerId, ready.identity());
        return ready;
    }

    private Readiness look(WorkloadRef ref) {
        Optional<Workload> found = switch (ref) {
            case WorkloadRef.ByUid byUid -> state.node().workload(byUid.uid());
            case WorkloadRef.ByName byName -> state.node().workload(byName.namespace(), byName.name());
        };
        if (found.isEmpty()) {
            return new NotReady(
                    Missing.WORKLOAD,
                    "the control plane has not assigned it to node %s; create it (POST /v1/workloads at identity-service), and see that its node is this one"
                            .formatted(state.node().node()));
        }
        Workload workload = found.get();
        if (!policyHasCome(workload)) {
            return new NotReady(
                    Missing.IDENTITY_POLICY,
                    "the policy of its identity %d has not come (this node has seen revision %d, needed is %d); is policy-service running?"
                            .formatted(workload.getIdentity(), state.cluster().revision(), workload.getPolicyFloor()));
        }
        return engine.ready(workload.getIdentity())
                .<Readiness>map(slot -> new Readiness.Ready(
                        workload.getUid(),
                        workload.getNamespace(),
                        workload.getName(),
                        workload.getPool(),
                        workload.getIdentity(),
                        slot))
                .orElseGet(() -> new NotReady(
                        Missing.TABLE,
                        "its verdict table is not in the kernel"
                                + engine.obstacle(workload.getIdentity())
                                        .map(why -> ": " + why)
                                        .orElse("")));
    }

    private boolean policyHasCome(Workload workload) {
        return started
                && engine.isKnown(workload.getIdentity())
                && state.cluster().revision() >= workload.getPolicyFloor();
    }

    /** Whether the engine started just now, with everything that is in the views. */
    private boolean startWhenWhole() {
        if (started || !state.cluster().whole() || !state.node().whole()) {
            return !started;
        }
        Map<Integer, Integer> slots = new HashMap<>();
        endpoints.all().forEach(endpoint -> slots.put(endpoint.identity(), endpoint.slot()));
        engine.start(wanted(), slots);
        started = true;
        return true;
    }

    /** Identities of workloads assigned here, attached here, and being attached. */
    private Set<Integer> wanted() {
        Set<Integer> identities = new HashSet<>(held.values());
        state.node().workloads().forEach(workload -> identities.add(workload.getIdentity()));
        endpoints.all().forEach(endpoint -> identities.add(endpoint.identity()));
        return identities;
    }

    /** After every change, with the lock held. */
    private void settled() {
        if (started) {
            relabel();
            ClusterView cluster = state.cluster();
            // a number that was freed must not be given again while a pod here still has it
            if (endpoints.all().stream().allMatch(endpoint -> engine.isKnown(endpoint.identity()))) {
                realised = cluster.revision();
            }
            List<Runnable> retired = engine.takeRetired();
            if (!retired.isEmpty()) {
                var _ = timer.schedule(
                        () -> underLock(() -> retired.forEach(Runnable::run)), GRACE_MS, TimeUnit.MILLISECONDS);
            }
        }
        changed.signalAll();
    }

    private void relabel() {
        boolean moved = false;
        for (Attachment attachment : endpoints.all()) {
            Optional<Workload> workload = state.node().workload(attachment.uid());
            if (workload.isPresent()
                    && workload.get().getIdentity() != attachment.identity()
                    && policyHasCome(workload.get())) {
                int identity = workload.get().getIdentity();
                Optional<Integer> slot = engine.ready(identity);
                if (slot.isPresent()) {
                    endpoints.changeIdentity(attachment.containerId(), identity, slot.get());
                    held.computeIfPresent(attachment.containerId(), (_, _) -> identity);
                    moved = true;
                }
            }
        }
        if (moved) {
            engine.subjects(wanted());
        }
    }

    private void retry() {
        underLock(() -> {
            if (started && engine.hasFailures()) {
                engine.retry();
                settled();
            }
        });
    }

    private void underLock(Runnable task) {
        state.lock().lock();
        try {
            task.run();
        } catch (RuntimeException e) {
            LOG.error("policy could not be brought in line with the cluster's; trying again", e);
        } finally {
            state.lock().unlock();
        }
    }
}

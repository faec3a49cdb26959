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
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

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
    private final RuleNumberFile numbers;
    private final PolicyMaps maps;
    private final Condition changed;
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("policy").daemon().factory());

    /** What containers were told, also while they are being attached and not yet among the endpoints. */
    private final Map<String, Readiness.Ready> held = new HashMap<>();

    /** Null until the views are whole, and after it failed. */
    private @Nullable PolicyEngine engine;

    private final RealisedRevision realised = new RealisedRevision();

    PolicyRealiser(
            NodeState state, Datapath datapath, Endpoints endpoints, RouteKeeper routes, RuleNumberFile numbers) {
        this.state = state;
        this.endpoints = endpoints;
        this.routes = routes;
        this.numbers = numbers;
        this.maps = new PolicyMaps(
                datapath.map("slots_v1"),
                datapath.map("tables_v1"),
                datapath.map("peer_classes_v1"),
                datapath.map("address_classes_v1"),
                datapath.map("port_classes_v1"),
                datapath.map("cells_v1"));
        this.changed = state.lock().newCondition();
        var _ = timer.scheduleWithFixedDelay(this::retry, RETRY_SECONDS, RETRY_SECONDS, TimeUnit.SECONDS);
    }

    void stop(@Observes ShutdownEvent event) {
        timer.shutdownNow();
    }

    /** Begins anew, as after a restart: whatever is in the kernel and right is taken over. */
    @Override
    public void loaded() {
        engine = null;
        startWhenWhole();
        settled();
    }

    @Override
    public void clusterChanged(Delta delta) {
        PolicyEngine running = engine;
        if (running == null) {
            startWhenWhole();
        } else {
            running.apply(delta);
        }
        settled();
    }

    @Override
    public void nodeChanged(Delta delta) {
        PolicyEngine running = engine;
        if (running == null) {
            startWhenWhole();
        } else {
            running.subjects(wanted());
        }
        settled();
    }

    @Override
    public Readiness await(String containerId, WorkloadRef ref, Deadline deadline) throws InterruptedException {
        state.lock().lock();
        try {
            Readiness readiness = look(ref);
            long left = deadline.remaining().toNanos();
            while (readiness instanceof NotReady && left > 0) {
                left = changed.awaitNanos(left);
                readiness = look(ref);
            }
            if (readiness instanceof Readiness.Ready ready) {
                held.put(containerId, ready);
            }
            return readiness;
        } finally {
            state.lock().unlock();
        }
    }

    @Override
    public void release(String containerId) {
        underLock(() -> {
            held.remove(containerId);
            PolicyEngine running = engine;
            if (running != null) {
                running.subjects(wanted());
                settled();
            }
        });
    }

    @Override
    public long revision() {
        return realised.revision();
    }

    @Override
    public List<RealisedError> errors() {
        List<RealisedError> errors = new ArrayList<>();
        PolicyEngine running = engine;
        if (running != null) {
            errors.addAll(running.errors());
        } else if (state.cluster().whole() && state.node().whole()) {
            errors.add(RealisedError.newBuilder()
                    .setSubject("node " + state.node().node())
                    .setReason("kernel")
                    .setMessage("policy could not be brought into the kernel; the agent's log says why. It tries again,"
                            + " and what was in force still is")
                    .build());
        }
        errors.addAll(routes.errors());
        return errors;
    }

    @Override
    public Set<String> documents() {
        PolicyEngine running = engine;
        return running == null ? Set.of() : running.documents();
    }

    @Override
    public Map<String, Fill> fill() {
        PolicyEngine running = engine;
        Map<String, Fill> fill = new TreeMap<>(routes.fill());
        if (running != null) {
            Map<String, Integer> capacities = maps.capacities();
            running.fill().forEach((map, used) -> fill.put(map, new Fill(used, capacities.getOrDefault(map, 0))));
        }
        return fill;
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
        Optional<Integer> slot = Optional.ofNullable(engine).flatMap(running -> running.ready(workload.getIdentity()));
        if (slot.isEmpty()) {
            Optional<String> why =
                    Optional.ofNullable(engine).flatMap(running -> running.obstacle(workload.getIdentity()));
            return new NotReady(
                    Missing.TABLE,
                    "its verdict table is not in the kernel"
                            + why.map(text -> ": " + text).orElse(""));
        }
        return new Readiness.Ready(
                workload.getUid(),
                workload.getNamespace(),
                workload.getName(),
                workload.getPool(),
                workload.getIdentity(),
                slot.get());
    }

    private boolean policyHasCome(Workload workload) {
        PolicyEngine running = engine;
        return running != null
                && running.isKnown(workload.getIdentity())
                && state.cluster().revision() >= workload.getPolicyFloor();
    }

    private void startWhenWhole() {
        if (!state.cluster().whole() || !state.node().whole()) {
            return;
        }
        Map<Integer, Integer> slots = new HashMap<>();
        held.values().forEach(ready -> slots.put(ready.identity(), ready.slot()));
        endpoints.all().forEach(endpoint -> slots.put(endpoint.identity(), endpoint.slot()));
        var starting = new PolicyEngine(state.cluster(), KernelTables.open(maps), Slots.open(maps), numbers);
        starting.start(wanted(), slots);
        engine = starting;
    }

    /** Identities of workloads assigned here, attached here, and being attached. */
    private Set<Integer> wanted() {
        Set<Integer> identities = inForce();
        state.node().workloads().forEach(workload -> identities.add(workload.getIdentity()));
        return identities;
    }

    /** Identities that pods here have, or have been told and are about to get. */
    private Set<Integer> inForce() {
        Set<Integer> identities = new HashSet<>();
        held.values().forEach(ready -> identities.add(ready.identity()));
        endpoints.all().forEach(endpoint -> identities.add(endpoint.identity()));
        return identities;
    }

    /** After every change, with the lock held. */
    private void settled() {
        PolicyEngine running = engine;
        if (running != null) {
            relabel(running);
            realised.settle(state.cluster().revision(), inForce(), running::isKnown);
            List<Runnable> retired = running.takeRetired();
            if (!retired.isEmpty()) {
                var _ = timer.schedule(
                        () -> underLock(() -> retired.forEach(Runnable::run)), GRACE_MS, TimeUnit.MILLISECONDS);
            }
        }
        changed.signalAll();
    }

    /** Has running workloads judged as what they are now, once the table for that is in the kernel. */
    private void relabel(PolicyEngine running) {
        boolean moved = false;
        for (Attachment attachment : endpoints.all()) {
            Optional<Workload> workload = state.node().workload(attachment.uid());
            if (workload.isPresent()
                    && workload.get().getIdentity() != attachment.identity()
                    && look(new WorkloadRef.ByUid(attachment.uid())) instanceof Readiness.Ready ready) {
                endpoints.changeIdentity(attachment.containerId(), ready.identity(), ready.slot());
                held.computeIfPresent(attachment.containerId(), (_, _) -> ready);
                moved = true;
            }
        }
        if (moved) {
            running.subjects(wanted());
        }
    }

    /** A workload may also have got another identity while it was being attached. */
    private void retry() {
        underLock(() -> {
            PolicyEngine running = engine;
            if (running != null) {
                if (running.hasFailures()) {
                    running.retry();
                }
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

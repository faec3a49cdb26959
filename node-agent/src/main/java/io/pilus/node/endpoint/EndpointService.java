package io.pilus.node.endpoint;

import io.pilus.libbpf.BpfException;
import io.pilus.netlink.MacAddress;
import io.pilus.netlink.Netlink;
import io.pilus.netlink.NetlinkException;
import io.pilus.netlink.NetworkNamespace;
import io.pilus.node.NodeConfig;
import io.pilus.node.ipam.Lease;
import io.pilus.node.ipam.LeaseBook;
import io.pilus.node.ipam.LeaseOutcome;
import io.pilus.rest.ProblemException;
import io.quarkus.runtime.Startup;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Provider;
import jakarta.inject.Singleton;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Attaches and detaches. The order makes every crash harmless: policy is in the kernel before the interface exists; the node's end comes up
 * when all the rest is done, and the endpoint is on disk before anybody is told; what is in the kernel and not on disk, or on disk with a
 * node's end that is not up, is removed at the next start. The other way round the interface goes first, so that nothing it brings in is
 * ever unjudged, and the endpoint is forgotten last: what failed half way is finished by asking again.
 */
@Startup
@Singleton
public class EndpointService implements Endpoints {

    private static final Logger LOG = Logger.getLogger(EndpointService.class);

    /** Numbers go round below this, so that one is reused as late as possible. */
    private static final int NUMBERS = 1 << 16;

    /** How often a workload that waits for an address asks again. */
    private static final Duration ADDRESS_POLL = Duration.ofMillis(100);

    private final NodeConfig config;
    private final PodKernel kernel;
    private final LeaseBook leases;
    private final Provider<Realiser> realiser;
    private final Provider<AttachedReporter> reporter;
    private final EndpointFiles files;
    private final Netlink netlink;
    private final Containers containers = new Containers();

    /** Does what takes the kernel long: a virtual thread would hold its carrier all the while. */
    private final ExecutorService work;

    /** One for each thread of {@link #work}, given in the order of asking. */
    private final Semaphore turns;

    /** Attaches programs and writes files, beside the tasks of {@link #work}. */
    private final ExecutorService hooks;

    private final Map<String, Attachment> attached = new ConcurrentHashMap<>();

    /** Containers whose attachment is being removed, or is so in part: nothing of it is made again. */
    private final Set<String> leaving = ConcurrentHashMap.newKeySet();

    /** Held while what the maps say of an endpoint changes together with what is known of it. */
    private final Object changes = new Object();

    private int lastNumber;

    /**
     * What came of an attempt.
     *
     * @param repeated whether it had been attached before
     */
    record Outcome(Attachment attachment, boolean repeated) {}

    /** Takes over what an earlier life attached, and removes what it left behind. */
    // the realiser and the reporter look at what is attached: they exist after this
    EndpointService(
            NodeConfig config,
            PodKernel kernel,
            LeaseBook leases,
            Provider<Realiser> realiser,
            Provider<AttachedReporter> reporter) {
        this.config = config;
        this.kernel = kernel;
        this.leases = leases;
        this.realiser = realiser;
        this.reporter = reporter;
        this.files = new EndpointFiles(config.stateDir().resolve("endpoints"));
        this.netlink = kernel.namespace().netlink();
        ThreadFactory threads =
                Thread.ofPlatform().daemon().name("endpoints ", 0).factory();
        this.work = Executors.newFixedThreadPool(config.attachConcurrency(), threads);
        this.turns = new Semaphore(config.attachConcurrency(), true);
        this.hooks = Executors.newFixedThreadPool(config.attachConcurrency(), threads);
        this.lastNumber = kernel.highestNumber() % NUMBERS;
        restore();
    }

    @PreDestroy
    void close() {
        work.close();
        hooks.close();
        netlink.close();
    }

    /**
     * Attaches; blocks until it is done.
     *
     * @throws ProblemException saying what is missing or in the way; nothing is left of the attempt then
     */
    Outcome attach(AttachRequest request) {
        WorkloadRef workload = request.workload();
        Deadline deadline = Deadline.in(config.attachDeadline());
        String containerId = request.containerId();
        try (Containers.Turn turn = containers.take(containerId)) {
            Optional<Attachment> known = known(request, workload);
            if (known.isPresent()) {
                return new Outcome(known.get(), true);
            }
            Attachment attachment = null;
            try {
                run(request, deadline, () -> {
                    check(request);
                    return containerId;
                });
                attachment = wait(turn, request, workload, deadline);
            } catch (UncheckedIOException e) {
                throw EndpointProblem.disk("attached", containerId, config.stateDir(), e);
            } finally {
                if (attachment == null) {
                    realiser.get().release(containerId);
                    leases.release(containerId, request.interfaceName());
                }
            }
            LOG.infof("attached %s/%s as %s", attachment.namespace(), attachment.name(), containerId);
            reporter.get().attached(attachment);
            catchUp(attachment);
            return new Outcome(attachment, false);
        }
    }

    /** Detaches what the container has; without effect when it has nothing. Who still waits to attach it gives up. */
    void detach(String containerId) {
        try {
            detachWhole(containerId);
        } catch (UncheckedIOException e) {
            throw EndpointProblem.disk("detached", containerId, config.stateDir(), e);
        } catch (BpfException | NetlinkException e) {
            throw EndpointProblem.kernel("detached", containerId, e);
        }
    }

    private void detachWhole(String containerId) {
        containers.interrupt(containerId);
        try (Containers.Turn _ = containers.take(containerId)) {
            Attachment attachment = attached.get(containerId);
            if (attachment != null) {
                run(() -> {
                    remove(attachment);
                    return containerId;
                });
                LOG.infof("detached %s/%s, %s", attachment.namespace(), attachment.name(), containerId);
            }
            realiser.get().release(containerId);
            if (attachment != null) {
                reporter.get().detached(attachment);
            }
        }
    }

    @Override
    public List<Attachment> all() {
        return attached.values().stream()
                .sorted(Comparator.comparing(Attachment::containerId))
                .toList();
    }

    @Override
    public Optional<Attachment> byNumber(int number) {
        return attached.values().stream()
                .filter(attachment -> attachment.number() == number)
                .findAny();
    }

    Optional<Attachment> byContainer(String containerId) {
        return Optional.ofNullable(attached.get(containerId));
    }

    @Override
    public void changeIdentity(String containerId, int identity, int slot) {
        Attachment after;
        synchronized (changes) {
            Attachment before = attached.get(containerId);
            if (before == null
                    || leaving.contains(containerId)
                    || (before.identity() == identity && before.slot() == slot)) {
                return;
            }
            after = before.judged(identity, slot);
            files.write(after);
            kernel.admit(after, mac(after));
            attached.put(containerId, after);
        }
        reporter.get().attached(after);
    }

    /** The same attachment, made by an earlier call, when it still is in the kernel. */
    private Optional<Attachment> known(AttachRequest request, WorkloadRef workload) {
        Attachment known = attached.get(request.containerId());
        if (known == null) {
            return Optional.empty();
        }
        boolean same = known.interfaceName().equals(request.interfaceName())
                && known.netns().equals(request.netns())
                && switch (workload) {
                    case WorkloadRef.ByUid ref -> ref.uid().equals(known.uid());
                    case WorkloadRef.ByName ref ->
                        ref.namespace().equals(known.namespace()) && ref.name().equals(known.name());
                };
        if (!same) {
            throw EndpointProblem.otherwiseAttached(known);
        }
        if (exists(known) && !leaving.contains(known.containerId())) {
            return Optional.of(known);
        }
        LOG.warnf(
                "interface %s of container %s is gone, or was to go; making it anew",
                known.hostInterface(), known.containerId());
        run(() -> {
            remove(known);
            return known;
        });
        reporter.get().detached(known);
        return Optional.empty();
    }

    /** Fails early where no waiting would help. */
    private void check(AttachRequest request) {
        try (NetworkNamespace namespace = open(request);
                Netlink pod = namespace.netlink()) {
            if (pod.link(request.interfaceName()).isPresent()) {
                throw EndpointProblem.interfaceTaken(request);
            }
        }
    }

    private Attachment wait(Containers.Turn turn, AttachRequest request, WorkloadRef workload, Deadline deadline) {
        Readiness.Ready ready;
        Lease lease;
        turn.startWaiting();
        boolean interrupted = false;
        try {
            ready = switch (turn.await(() -> realiser.get().await(request.containerId(), workload, deadline))) {
                case Readiness.NotReady missing -> throw EndpointProblem.notReady(workload, missing);
                case Readiness.Ready found -> found;
            };
            lease = lease(turn, request, workload, ready, deadline);
        } catch (InterruptedException e) {
            throw EndpointProblem.abandoned(request.containerId());
        } finally {
            interrupted = turn.stopWaiting();
        }
        if (interrupted) {
            throw EndpointProblem.abandoned(request.containerId());
        }
        return run(request, deadline, () -> make(request, ready, lease));
    }

    private Lease lease(
            Containers.Turn turn, AttachRequest request, WorkloadRef workload, Readiness.Ready ready, Deadline deadline)
            throws InterruptedException {
        while (true) {
            LeaseOutcome outcome = leases.lease(request.containerId(), request.interfaceName(), ready.pool(), Set.of());
            if (outcome instanceof LeaseOutcome.Leased leased) {
                return leased.lease();
            }
            String detail = switch (outcome) {
                case LeaseOutcome.Leased leased -> throw new IllegalStateException(leased + " was just answered");
                case LeaseOutcome.Exhausted none -> none.detail();
                case LeaseOutcome.UnknownPool none -> none.detail();
                case LeaseOutcome.NoSuchFamily none -> none.detail();
            };
            Duration left = deadline.remaining();
            if (left.isZero()) {
                throw EndpointProblem.noAddress(workload, ready.pool(), detail);
            }
            turn.await(() -> {
                Thread.sleep(left.compareTo(ADDRESS_POLL) < 0 ? left : ADDRESS_POLL);
                return left;
            });
        }
    }

    private Attachment make(AttachRequest request, Readiness.Ready ready, Lease lease) {
        try (NetworkNamespace namespace = open(request);
                Netlink pod = namespace.netlink()) {
            if (pod.link(request.interfaceName()).isPresent()) {
                throw EndpointProblem.interfaceTaken(request);
            }
            String hostName = PodInterface.hostName(request.containerId(), request.interfaceName());
            MacAddress mac = PodInterface.mac(request.containerId(), request.interfaceName());
            int mtu = kernel.podMtu();
            Attachment attachment = null;
            CompletableFuture<Void> written = CompletableFuture.completedFuture(null);
            try {
                int ifindex = PodInterface.create(
                        netlink, kernel.gateway(), namespace, hostName, request.interfaceName(), mac, mtu);
                attachment = new Attachment(
                        ready.uid(),
                        ready.namespace(),
                        ready.name(),
                        request.containerId(),
                        request.netns(),
                        request.interfaceName(),
                        hostName,
                        ifindex,
                        number(),
                        lease.addresses(),
                        lease.pool(),
                        ready.identity(),
                        ready.slot(),
                        mtu);
                written = beside(attachment, files::write);
                configure(attachment, namespace, pod);
                kernel.admit(attachment, mac);
                PodInterface.raise(netlink, ifindex);
                confirm(request, namespace);
                join(written);
                attached.put(attachment.containerId(), attachment);
                return attachment;
            } catch (RuntimeException e) {
                written.exceptionally(_ -> null).join();
                undo(attachment, hostName);
                throw e instanceof ProblemException || e instanceof UncheckedIOException
                        ? e
                        : EndpointProblem.kernel("attached", request.containerId(), e);
            }
        }
    }

    /** Begins what takes the kernel or the disk a while, for the calling thread to go on meanwhile. */
    private CompletableFuture<Void> beside(Attachment attachment, Consumer<Attachment> task) {
        return CompletableFuture.runAsync(() -> task.accept(attachment), hooks);
    }

    /** The program's grace period passes while netlink works. */
    private void configure(Attachment attachment, NetworkNamespace namespace, Netlink pod) {
        CompletableFuture<Void> judged =
                beside(attachment, made -> kernel.attach(made.hostInterface(), made.ifindex()));
        try {
            PodInterface.quiet(kernel.namespace(), attachment.hostInterface());
            PodInterface.configure(namespace, pod, attachment.interfaceName(), attachment.addresses());
        } catch (RuntimeException e) {
            judged.exceptionally(_ -> null).join();
            throw e;
        }
        join(judged);
    }

    /** What was made is of use only where the runtime still finds it. */
    private static void confirm(AttachRequest request, NetworkNamespace namespace) {
        try (NetworkNamespace now = NetworkNamespace.open(Path.of(request.netns()))) {
            if (now.inode() == namespace.inode()) {
                return;
            }
        } catch (NetlinkException e) {
            LOG.debugf("%s: %s", request.netns(), e.getMessage());
        }
        throw EndpointProblem.namespaceVanished(request.netns());
    }

    /** Its identity may have become another one since it was asked for; from now on {@link #changeIdentity} is told. */
    private void catchUp(Attachment attachment) {
        try {
            if (realiser.get()
                            .await(
                                    attachment.containerId(),
                                    new WorkloadRef.ByUid(attachment.uid()),
                                    Deadline.in(Duration.ZERO))
                    instanceof Readiness.Ready now) {
                changeIdentity(attachment.containerId(), now.identity(), now.slot());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void undo(@Nullable Attachment attachment, String hostName) {
        try {
            PodInterface.delete(netlink, hostName);
            kernel.detach(hostName);
        } catch (RuntimeException e) {
            LOG.errorf(e, "%s could not be removed; the next start of the agent does", hostName);
        }
        if (attachment != null) {
            try {
                kernel.dismiss(attachment);
                files.delete(attachment.containerId());
            } catch (RuntimeException e) {
                LOG.errorf(
                        e,
                        "what maps and files say of %s could not be removed; the next start of the agent does",
                        hostName);
            }
        }
    }

    /** Each step does nothing where it was done before. */
    private void remove(Attachment attachment) {
        synchronized (changes) {
            leaving.add(attachment.containerId());
        }
        PodInterface.delete(netlink, attachment.hostInterface());
        kernel.detach(attachment.hostInterface());
        kernel.dismiss(attachment);
        leases.release(attachment.containerId(), attachment.interfaceName());
        files.delete(attachment.containerId());
        synchronized (changes) {
            attached.remove(attachment.containerId());
            leaving.remove(attachment.containerId());
        }
    }

    private void restore() {
        for (Attachment attachment : files.load()) {
            if (exists(attachment)) {
                kernel.attach(attachment.hostInterface(), attachment.ifindex());
                kernel.admit(attachment, mac(attachment));
                attached.put(attachment.containerId(), attachment);
                lastNumber = Math.max(lastNumber, attachment.number());
                if (!leases.adopt(
                        attachment.containerId(),
                        attachment.interfaceName(),
                        attachment.pool(),
                        attachment.addresses())) {
                    LOG.errorf(
                            "container %s has addresses that are leased to another one; detach one of them",
                            attachment.containerId());
                }
            } else {
                LOG.warnf(
                        "container %s is gone with its interface %s",
                        attachment.containerId(), attachment.hostInterface());
                remove(attachment);
            }
        }
        kernel.sweep(attached.values());
        Set<String> ours =
                attached.values().stream().map(Attachment::hostInterface).collect(Collectors.toSet());
        netlink.links().stream()
                .filter(link -> PodInterface.isHostName(link.name()) && !ours.contains(link.name()))
                .forEach(link -> {
                    LOG.warnf("interface %s is what is left of an attempt to attach; removing it", link.name());
                    netlink.deleteLink(link.index());
                });
        leases.leases().stream()
                .map(Lease::holder)
                .filter(holder -> !attached.containsKey(holder.containerId()))
                .forEach(holder -> leases.release(holder.containerId(), holder.interfaceName()));
    }

    /** Whether all that was made is there still: the node's end is brought up last. */
    private boolean exists(Attachment attachment) {
        return netlink.link(attachment.hostInterface())
                .filter(link -> link.index() == attachment.ifindex() && link.up())
                .isPresent();
    }

    private NetworkNamespace open(AttachRequest request) {
        NetworkNamespace namespace;
        try {
            namespace = NetworkNamespace.open(Path.of(request.netns()));
        } catch (NetlinkException e) {
            throw EndpointProblem.noNamespace(request.netns(), String.valueOf(e.getMessage()));
        }
        if (namespace.inode() == kernel.namespace().inode()) {
            namespace.close();
            throw EndpointProblem.ownNamespace(request.netns());
        }
        return namespace;
    }

    private static MacAddress mac(Attachment attachment) {
        return PodInterface.mac(attachment.containerId(), attachment.interfaceName());
    }

    private int number() {
        synchronized (changes) {
            Set<Integer> used = new HashSet<>();
            attached.values().forEach(attachment -> used.add(attachment.number()));
            do {
                lastNumber = lastNumber + 1 < NUMBERS ? lastNumber + 1 : 1;
            } while (used.contains(lastNumber));
            return lastNumber;
        }
    }

    private <T> T run(Supplier<T> task) {
        turns.acquireUninterruptibly();
        return inTurn(task);
    }

    /** Who asked has no use for it after the deadline, and those behind it have. */
    private <T> T run(AttachRequest request, Deadline deadline, Supplier<T> task) {
        try {
            if (!turns.tryAcquire(deadline.remaining().toNanos(), TimeUnit.NANOSECONDS)) {
                throw EndpointProblem.busy(request, config.attachDeadline(), turns.getQueueLength());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw EndpointProblem.abandoned(request.containerId());
        }
        return inTurn(task);
    }

    private <T> T inTurn(Supplier<T> task) {
        try {
            return join(CompletableFuture.supplyAsync(task, work));
        } finally {
            turns.release();
        }
    }

    /** Its result, or what it threw. An interrupted thread waits all the same: what was begun is finished. */
    private static <T> T join(CompletableFuture<T> future) {
        try {
            return future.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException cause ? cause : e;
        }
    }
}

package io.pilus.node.endpoint;

import com.google.protobuf.ByteString;
import io.pilus.netlink.MacAddress;
import io.pilus.netlink.Netlink;
import io.pilus.netlink.NetlinkException;
import io.pilus.netlink.NetworkNamespace;
import io.pilus.node.NodeConfig;
import io.pilus.node.ipam.LeaseBook;
import io.pilus.node.ipam.LeaseOutcome;
import io.pilus.rest.ProblemException;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Instance;
import jakarta.inject.Singleton;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Attaches and detaches. The order makes every crash harmless: policy is in the kernel before the interface exists, the
 * endpoint is on disk before it is up, and what is not on disk after a restart is removed.
 */
@Singleton
public class EndpointService implements Endpoints {

    private static final Logger LOG = Logger.getLogger(EndpointService.class);

    /** Numbers go round below this, so that one is reused as late as possible. */
    private static final int NUMBERS = 1 << 16;

    private final NodeConfig config;
    private final PodKernel kernel;
    private final LeaseBook leases;
    private final Instance<Realiser> realiser;
    private final Instance<AttachedReporter> reporter;
    private final EndpointFiles files;
    private final Semaphore turns;
    private final Executor background = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<String, ReentrantLock> locks = new ConcurrentHashMap<>();
    private final Map<String, Attachment> attached = new ConcurrentHashMap<>();
    private final NetworkNamespace nodeNamespace = NetworkNamespace.current();
    private final Netlink netlink = Netlink.open();
    private int lastNumber;

    /**
     * @param repeated whether it had been attached before
     */
    record Outcome(Attachment attachment, boolean repeated) {}

    // the realiser and the reporter look at what is attached: they exist after this
    EndpointService(
            NodeConfig config,
            PodKernel kernel,
            LeaseBook leases,
            Instance<Realiser> realiser,
            Instance<AttachedReporter> reporter) {
        this.config = config;
        this.kernel = kernel;
        this.leases = leases;
        this.realiser = realiser;
        this.reporter = reporter;
        this.files = new EndpointFiles(config.stateDir().resolve("endpoints"));
        this.turns = new Semaphore(config.attachConcurrency(), true);
        files.load().forEach(attachment -> {
            attached.put(attachment.containerId(), attachment);
            lastNumber = Math.max(lastNumber, attachment.number());
        });
    }

    /** After a restart: what the kernel lost is detached, the rest is said again. After the state was loaded. */
    void restore(@Observes @Priority(100) StartupEvent event) {
        for (Attachment attachment : all()) {
            boolean exists = netlink.link(attachment.hostInterface())
                    .filter(link -> link.index() == attachment.ifindex())
                    .isPresent();
            if (exists) {
                kernel.attach(attachment.hostInterface(), attachment.ifindex());
                kernel.admit(attachment, mac(attachment));
            } else {
                LOG.warnf(
                        "container %s is gone with its interface %s",
                        attachment.containerId(), attachment.hostInterface());
                remove(attachment);
            }
        }
        Set<String> ours =
                attached.values().stream().map(Attachment::hostInterface).collect(Collectors.toSet());
        netlink.links().stream()
                .filter(link -> link.name().matches("pl[0-9a-f]{11}") && !ours.contains(link.name()))
                .forEach(link -> {
                    LOG.warnf("interface %s is what is left of an attempt to attach; removing it", link.name());
                    kernel.detach(link.name());
                    netlink.deleteLink(link.index());
                });
    }

    /**
     * @throws ProblemException saying what is missing or in the way; nothing is left of the attempt then
     */
    Outcome attach(AttachRequest request) throws InterruptedException {
        ReentrantLock lock = lock(request.containerId());
        try {
            Attachment known = attached.get(request.containerId());
            if (known != null) {
                if (known.interfaceName().equals(request.interfaceName())
                        && known.netns().equals(request.netns())) {
                    return new Outcome(known, true);
                }
                throw EndpointProblem.otherwiseAttached(known, request);
            }
            WorkloadRef workload = request.workload();
            Readiness readiness =
                    realiser.get().await(request.containerId(), workload, Deadline.in(config.attachDeadline()));
            return switch (readiness) {
                case Readiness.NotReady missing -> throw EndpointProblem.notReady(workload, missing);
                case Readiness.Ready ready -> new Outcome(attach(request, ready), false);
            };
        } finally {
            lock.unlock();
        }
    }

    private Attachment attach(AttachRequest request, Readiness.Ready ready) throws InterruptedException {
        turns.acquire();
        boolean done = false;
        try {
            Attachment attachment = switch (leases.lease(
                    request.containerId(), request.interfaceName(), ready.pool(), Set.of())) {
                case LeaseOutcome.Leased leased ->
                    make(request, ready, leased.lease().addresses());
                case LeaseOutcome.Exhausted none -> throw EndpointProblem.noAddress(none.pool(), none.detail());
                case LeaseOutcome.UnknownPool none -> throw EndpointProblem.noAddress(none.pool(), none.detail());
                case LeaseOutcome.NoSuchFamily none -> throw EndpointProblem.noAddress(none.pool(), none.detail());
            };
            done = true;
            return attachment;
        } finally {
            turns.release();
            if (!done) {
                leases.release(request.containerId(), request.interfaceName());
                realiser.get().release(request.containerId());
            }
        }
    }

    private Attachment make(AttachRequest request, Readiness.Ready ready, List<ByteString> addresses) {
        String hostName = PodInterface.hostName(request.containerId(), request.interfaceName());
        MacAddress mac = PodInterface.mac(request.containerId(), request.interfaceName());
        int mtu = kernel.podMtu();
        try (NetworkNamespace namespace = open(request.netns());
                Netlink pod = namespace.netlink()) {
            if (pod.link(request.interfaceName()).isPresent()) {
                throw EndpointProblem.interfaceTaken(request);
            }
            Attachment attachment = null;
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
                        addresses,
                        ready.identity(),
                        ready.slot(),
                        mtu);
                admit(attachment, mac, namespace, pod);
                PodInterface.raise(netlink, ifindex, pod, request.interfaceName(), addresses);
            } catch (RuntimeException e) {
                undo(attachment, hostName);
                throw e instanceof ProblemException problem ? problem : EndpointProblem.kernel(request, e);
            }
            LOG.infof("attached %s/%s as %s", ready.namespace(), ready.name(), request.containerId());
            reporter.get().attached(attachment);
            return attachment;
        } catch (NetlinkException e) {
            throw EndpointProblem.noNamespace(request.netns(), String.valueOf(e.getMessage()));
        }
    }

    /** Everything but bringing it up. The attachment's grace period passes while netlink works. */
    private void admit(Attachment attachment, MacAddress mac, NetworkNamespace namespace, Netlink pod) {
        CompletableFuture<Void> judged = CompletableFuture.runAsync(
                () -> kernel.attach(attachment.hostInterface(), attachment.ifindex()), background);
        RuntimeException failure = null;
        try {
            if (attachment.addresses().stream().anyMatch(address -> address.size() == 16)) {
                namespace.sysctl("net/ipv6/conf/" + attachment.interfaceName() + "/accept_ra", "0");
            }
            nodeNamespace.sysctl("net/ipv6/conf/" + attachment.hostInterface() + "/disable_ipv6", "1");
            PodInterface.address(pod, attachment.interfaceName(), attachment.addresses());
            kernel.admit(attachment, mac);
            files.write(attachment);
            attached.put(attachment.containerId(), attachment);
        } catch (RuntimeException e) {
            failure = e;
        }
        try {
            judged.join();
        } catch (CompletionException e) {
            failure = e.getCause() instanceof RuntimeException cause ? cause : e;
        }
        if (failure != null) {
            throw failure;
        }
    }

    private void undo(@Nullable Attachment attachment, String hostName) {
        try {
            if (attachment != null) {
                attached.remove(attachment.containerId());
                files.delete(attachment.containerId());
                kernel.dismiss(attachment);
            }
            kernel.detach(hostName);
            PodInterface.delete(netlink, hostName);
        } catch (RuntimeException e) {
            LOG.errorf(e, "%s could not be removed; the next start of the agent does", hostName);
        }
    }

    private NetworkNamespace open(String netns) {
        NetworkNamespace namespace = NetworkNamespace.open(Path.of(netns));
        if (namespace.cookie() == nodeNamespace.cookie()) {
            namespace.close();
            throw EndpointProblem.ownNamespace(netns);
        }
        return namespace;
    }

    /** Detaches what the container has; without effect when it has nothing. */
    void detach(String containerId) {
        ReentrantLock lock = lock(containerId);
        try {
            Attachment attachment = attached.get(containerId);
            if (attachment != null) {
                turns.acquireUninterruptibly();
                try {
                    remove(attachment);
                } finally {
                    turns.release();
                }
                LOG.infof("detached %s/%s, %s", attachment.namespace(), attachment.name(), containerId);
                reporter.get().detached(attachment);
            }
            realiser.get().release(containerId);
        } finally {
            lock.unlock();
        }
    }

    private void remove(Attachment attachment) {
        kernel.dismiss(attachment);
        kernel.detach(attachment.hostInterface());
        PodInterface.delete(netlink, attachment.hostInterface());
        leases.release(attachment.containerId(), attachment.interfaceName());
        files.delete(attachment.containerId());
        attached.remove(attachment.containerId());
    }

    @Override
    public List<Attachment> all() {
        return attached.values().stream()
                .sorted(Comparator.comparingInt(Attachment::number))
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
        Attachment before = attached.get(containerId);
        if (before == null || (before.identity() == identity && before.slot() == slot)) {
            return;
        }
        Attachment after = new Attachment(
                before.uid(),
                before.namespace(),
                before.name(),
                before.containerId(),
                before.netns(),
                before.interfaceName(),
                before.hostInterface(),
                before.ifindex(),
                before.number(),
                before.addresses(),
                identity,
                slot,
                before.mtu());
        files.write(after);
        attached.put(containerId, after);
        kernel.admit(after, mac(after));
        reporter.get().attached(after);
    }

    private static MacAddress mac(Attachment attachment) {
        return PodInterface.mac(attachment.containerId(), attachment.interfaceName());
    }

    private synchronized int number() {
        Set<Integer> used = attached.values().stream().map(Attachment::number).collect(Collectors.toSet());
        do {
            lastNumber = lastNumber + 1 < NUMBERS ? lastNumber + 1 : 1;
        } while (used.contains(lastNumber));
        return lastNumber;
    }

    private ReentrantLock lock(String containerId) {
        ReentrantLock lock = locks.computeIfAbsent(containerId, _ -> new ReentrantLock());
        lock.lock();
        return lock;
    }
}

package io.pilus.node.endpoint;

import io.pilus.netlink.LinkChange;
import io.pilus.netlink.MacAddress;
import io.pilus.netlink.Netlink;
import io.pilus.netlink.NetworkNamespace;
import io.pilus.netlink.VethEnd;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import org.jboss.logging.Logger;

/**
 * Veth pairs made ahead of need, with the program on the node's end. Making a pair and attaching to it hold the kernel's
 * lock of devices for some 15 ms, most of them a grace period; to hand one to a workload takes one.
 *
 * <p>The far ends wait in a namespace that only this process holds: when it ends, however, the pairs end with it. An
 * interface without an endpoint passes nothing.
 */
final class SpareInterfaces implements AutoCloseable {

    private static final Logger LOG = Logger.getLogger(SpareInterfaces.class);
    private static final Duration PAUSE = Duration.ofSeconds(5);

    private final PodKernel kernel;
    private final int wanted;
    private final NetworkNamespace waiting = NetworkNamespace.create();
    private final Netlink far = waiting.netlink();
    private final Netlink near;
    private final Deque<Spare> ready = new ArrayDeque<>();
    private final Thread thread;
    private int busy;
    private boolean closed;

    /**
     * A pair.
     *
     * @param name of the node's end
     * @param ifindex of the node's end
     * @param farIfindex where it waits
     */
    private record Spare(String name, int ifindex, int farIfindex, int mtu) {}

    /** A pair that was handed over: the node's end. */
    record Taken(String name, int ifindex) {}

    SpareInterfaces(PodKernel kernel, int wanted) {
        this.kernel = kernel;
        this.wanted = wanted;
        this.near = kernel.namespace().netlink();
        this.thread = Thread.ofPlatform().daemon().name("spare interfaces").start(this::run);
    }

    /**
     * Puts the far end of a pair into a workload's namespace, down.
     *
     * @return empty when there is none at the moment
     * @throws io.pilus.netlink.NetlinkException when the namespace has an interface of that name
     */
    Optional<Taken> take(NetworkNamespace pod, String interfaceName, MacAddress mac, int mtu) {
        Spare spare;
        synchronized (this) {
            spare = ready.pollFirst();
            notifyAll();
        }
        if (spare == null) {
            return Optional.empty();
        }
        try {
            LinkChange change = LinkChange.toName(interfaceName).withMac(mac).withNamespace(pod);
            far.change(spare.farIfindex(), spare.mtu() == mtu ? change : change.withMtu(mtu));
            if (spare.mtu() != mtu) {
                near.change(spare.ifindex(), LinkChange.toMtu(mtu));
            }
            return Optional.of(new Taken(spare.name(), spare.ifindex()));
        } catch (RuntimeException e) {
            discard(spare);
            throw e;
        }
    }

    /** While somebody attaches, no pair is made unless there is none: both need the kernel's lock. */
    synchronized void begin() {
        busy++;
    }

    /** The end of {@link #begin}. */
    synchronized void end() {
        busy--;
        notifyAll();
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        ready.forEach(this::discard);
        far.close();
        waiting.close();
        near.close();
    }

    private void run() {
        try {
            while (needed()) {
                try {
                    Spare made = make();
                    synchronized (this) {
                        ready.addLast(made);
                    }
                } catch (RuntimeException e) {
                    LOG.warnf("no interface can be made ahead of need, attaching takes longer: %s", e.getMessage());
                    pause();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits until a pair is to be made; false when there is no more need. */
    private synchronized boolean needed() throws InterruptedException {
        while (!closed && (ready.size() >= wanted || (busy > 0 && !ready.isEmpty()))) {
            wait();
        }
        return !closed;
    }

    private synchronized void pause() throws InterruptedException {
        long until = System.nanoTime() + PAUSE.toNanos();
        for (long left = PAUSE.toMillis(); !closed && left > 0; left = (until - System.nanoTime()) / 1_000_000) {
            wait(left);
        }
    }

    private Spare make() {
        byte[] random = new byte[6];
        ThreadLocalRandom.current().nextBytes(random);
        String suffix = HexFormat.of().formatHex(random).substring(1);
        String name = PodInterface.hostName(suffix);
        int mtu = kernel.podMtu();
        near.addVeth(
                new VethEnd(name, kernel.gateway(), mtu, true, null),
                new VethEnd("s" + suffix, kernel.gateway(), mtu, true, waiting));
        int ifindex = near.link(name).orElseThrow().index();
        var spare =
                new Spare(name, ifindex, far.link("s" + suffix).orElseThrow().index(), mtu);
        try {
            PodInterface.quiet(kernel.namespace(), name);
            kernel.attach(name, ifindex);
            return spare;
        } catch (RuntimeException e) {
            discard(spare);
            throw e;
        }
    }

    private void discard(Spare spare) {
        try {
            PodInterface.delete(near, spare.name());
            kernel.detach(spare.name());
        } catch (RuntimeException e) {
            LOG.warnf("%s could not be removed; the next start of the agent does: %s", spare.name(), e.getMessage());
        }
    }
}

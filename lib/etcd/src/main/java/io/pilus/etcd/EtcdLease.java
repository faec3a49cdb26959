package io.pilus.etcd;

import io.etcd.jetcd.Lease;
import io.etcd.jetcd.lease.LeaseGrantResponse;
import java.time.Duration;
import org.jboss.logging.Logger;

/**
 * One lease, and by the local clock until when it certainly lives: etcd counts from when a renewal arrives, this from when it was
 * sent, less a tenth for clocks that run unevenly.
 */
final class EtcdLease {

    private static final Logger LOG = Logger.getLogger(EtcdLease.class);

    private final Lease leases;
    private final long id;
    private final Duration lifetime;
    private volatile long certainUntil;

    private EtcdLease(Lease leases, long id, Duration lifetime, long sent) {
        this.leases = leases;
        this.id = id;
        this.lifetime = lifetime;
        renewed(sent);
    }

    /**
     * @throws EtcdUnavailableException when etcd does not answer
     */
    static EtcdLease grant(Lease leases, Duration lifetime, Duration timeout) {
        long sent = System.nanoTime();
        LeaseGrantResponse granted = EtcdCalls.await(leases.grant(lifetime.toSeconds()), timeout, "grant a lease");
        return new EtcdLease(leases, granted.getID(), Duration.ofSeconds(granted.getTTL()), sent);
    }

    long id() {
        return id;
    }

    /** For how long the lease certainly lives; negative when it may be gone. */
    Duration certain() {
        return Duration.ofNanos(certainUntil - System.nanoTime());
    }

    /**
     * @throws LeaseLostException when etcd does not know it any more
     * @throws EtcdUnavailableException when etcd does not answer in that time
     */
    void renew(Duration wait) {
        long sent = System.nanoTime();
        EtcdCalls.awaitFor(leases.keepAliveOnce(id), wait, "renew lease " + Long.toHexString(id));
        renewed(sent);
    }

    /** Gives it up. When etcd does not answer it expires by itself. */
    void revoke(Duration wait) {
        try {
            EtcdCalls.awaitFor(leases.revoke(id), wait, "revoke lease " + Long.toHexString(id));
        } catch (LeaseLostException e) {
            LOG.debugf("lease %x was gone already", id);
        } catch (EtcdUnavailableException e) {
            LOG.infof("lease %x is left to expire: %s", id, e.getMessage());
        }
    }

    private void renewed(long sent) {
        certainUntil = sent + lifetime.toNanos() - lifetime.toNanos() / 10;
    }
}

package io.pilus.ipam.block;

import io.etcd.jetcd.Client;
import io.pilus.contract.Keys;
import io.pilus.etcd.EtcdRefusedException;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.EtcdUnavailableException;
import io.pilus.etcd.Leadership;
import io.pilus.etcd.Leadership.Term;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** One thread a replica: does the leader's work while this replica leads, and keeps the leadership and the alarms alive. */
@ApplicationScoped
class LeaderLoop {

    private static final Logger LOG = Logger.getLogger(LeaderLoop.class);

    private static final String SERVICE = "ipam-service";
    private static final Duration IDLE = Duration.ofMillis(500);
    private static final Duration STANDBY = Duration.ofMillis(100);
    private static final Duration CATCH_UP = Duration.ofMillis(10);

    /** Between two looks at everything, for what an unlucky order of events may have left undone. */
    private static final Duration SWEEP = Duration.ofSeconds(30);

    private final Client client;
    private final EtcdStore store;
    private final BlockIndex index;
    private final Adoption adoption;
    private final Granter granter;
    private final Alarms alarms;
    private final String replica;

    private @Nullable Leadership leadership;
    private @Nullable Thread thread;
    private volatile boolean stopped;

    /** The term whose barrier is known. */
    private Optional<Term> served = Optional.empty();

    /** The index must have come to this revision before it is decided from: nobody but this leader writes blocks behind it. */
    private long barrier;

    /** Whether no restore is outstanding; looked at again from time to time, as a node may report late. */
    private boolean mayGrant;

    private long nextAdoption;

    private long lastSweep = System.nanoTime();

    LeaderLoop(
            Client client,
            EtcdStore store,
            BlockIndex index,
            Adoption adoption,
            Granter granter,
            Alarms alarms,
            @ConfigProperty(name = "pilus.replica") Optional<String> replica) {
        this.client = client;
        this.store = store;
        this.index = index;
        this.adoption = adoption;
        this.granter = granter;
        this.alarms = alarms;
        this.replica = replica.orElseGet(LeaderLoop::thisProcess);
    }

    void start(@Observes StartupEvent event) {
        Leadership campaign = Leadership.campaign(client, store, SERVICE, replica);
        leadership = campaign;
        thread = Thread.ofVirtual().name("granting").start(() -> run(campaign));
    }

    void stop(@Observes ShutdownEvent event) throws InterruptedException {
        stopped = true;
        if (thread != null) {
            thread.interrupt();
            thread.join(Duration.ofSeconds(1));
        }
        if (leadership != null) {
            leadership.close();
        }
    }

    private void run(Leadership campaign) {
        boolean reported = false;
        while (!stopped) {
            try {
                try {
                    round(campaign);
                    reported = false;
                } catch (EtcdUnavailableException | EtcdRefusedException e) {
                    if (!reported && !stopped) {
                        LOG.warnf("grants wait: %s", e.getMessage());
                        reported = true;
                    }
                    recover();
                } catch (RuntimeException e) {
                    LOG.error("a round of grants failed; it is tried again", e);
                    recover();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private void round(Leadership campaign) throws InterruptedException {
        campaign.beat();
        if (index.complete()) {
            alarms.refresh();
        }
        Optional<Term> term = campaign.term();
        if (term.isEmpty() || !index.complete()) {
            served = Optional.empty();
            adoption.standBy();
            Thread.sleep(STANDBY);
            return;
        }
        if (!term.equals(served)) {
            barrier = store.newestWrite(Keys.CLUSTER_BLOCKS);
            served = term;
            mayGrant = false;
            nextAdoption = System.nanoTime();
            index.touchAll();
        }
        if (index.blocksRevision() < barrier) {
            Thread.sleep(CATCH_UP);
            return;
        }
        if (System.nanoTime() - lastSweep > SWEEP.toNanos()) {
            lastSweep = System.nanoTime();
            index.touchAll();
        }
        if (System.nanoTime() - nextAdoption >= 0) {
            mayGrant = adoption.adopt(term.get());
            nextAdoption = System.nanoTime() + IDLE.toNanos();
        }
        if (!mayGrant) {
            Thread.sleep(STANDBY);
            return;
        }
        switch (granter.work(term.get())) {
            case MORE -> {}
            case IDLE -> index.awaitTouched(IDLE);
            case STALE -> Thread.sleep(CATCH_UP);
        }
    }

    /** Whether the last write took place is not known: the index has to catch up again. */
    private void recover() throws InterruptedException {
        served = Optional.empty();
        Thread.sleep(IDLE);
    }

    private static String thisProcess() {
        long pid = ProcessHandle.current().pid();
        try {
            return InetAddress.getLocalHost().getHostName() + "-" + pid;
        } catch (UnknownHostException e) {
            return "localhost-" + pid;
        }
    }
}

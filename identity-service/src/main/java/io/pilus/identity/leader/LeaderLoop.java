package io.pilus.identity.leader;

import io.etcd.jetcd.Client;
import io.pilus.etcd.EtcdRefusedException;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.EtcdUnavailableException;
import io.pilus.etcd.Leadership;
import io.pilus.etcd.Leadership.Term;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.StoreEpoch;
import io.pilus.identity.adoption.Adoption;
import io.pilus.identity.collect.Collector;
import io.pilus.identity.endpoint.EndpointPublisher;
import io.pilus.identity.node.NodeRemoval;
import io.pilus.identity.view.ClusterView;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** Two threads a replica. The leader's do the work and keep the leadership alive; the others' see to their alarms and wait. */
@ApplicationScoped
class LeaderLoop {

    private static final Logger LOG = Logger.getLogger(LeaderLoop.class);

    private static final String SERVICE = "identity-service";
    private static final long IDLE_MILLIS = 500;
    private static final long LATE_MILLIS = 20;
    private static final Duration SWEEP = Duration.ofSeconds(30);
    private static final Duration STUCK = Duration.ofMinutes(1);

    private final Client client;
    private final EtcdStore store;
    private final ClusterView view;
    private final EndpointPublisher publisher;
    private final Adoption adoption;
    private final Collector collector;
    private final NodeRemoval removal;
    private final StoreEpoch epoch;
    private final IdentityConfig config;
    private final Clock clock;

    private final String replica;

    private @Nullable Leadership leadership;
    private @Nullable Thread publishing;
    private @Nullable Thread keeping;
    private Optional<Term> served = Optional.empty();
    private Instant nextSweep = Instant.MIN;
    private volatile Instant kept = Instant.MIN;
    private volatile boolean stopped;

    LeaderLoop(
            Client client,
            EtcdStore store,
            ClusterView view,
            EndpointPublisher publisher,
            Adoption adoption,
            Collector collector,
            NodeRemoval removal,
            StoreEpoch epoch,
            IdentityConfig config,
            Clock clock,
            Replica replica) {
        this.client = client;
        this.store = store;
        this.view = view;
        this.publisher = publisher;
        this.adoption = adoption;
        this.collector = collector;
        this.removal = removal;
        this.epoch = epoch;
        this.config = config;
        this.clock = clock;
        this.replica = replica.name();
    }

    void start(@Observes StartupEvent event) {
        Leadership campaign = Leadership.campaign(client, store, SERVICE, replica);
        leadership = campaign;
        kept = clock.instant();
        publishing = Thread.ofVirtual().name("publishing").start(() -> repeat(() -> publish(campaign)));
        keeping = Thread.ofVirtual().name("housekeeping").start(() -> repeat(() -> keep(campaign)));
    }

    void stop(@Observes ShutdownEvent event) throws InterruptedException {
        stopped = true;
        for (Thread thread : new @Nullable Thread[] {publishing, keeping}) {
            if (thread != null) {
                thread.interrupt();
                thread.join(Duration.ofSeconds(1));
            }
        }
        if (leadership != null) {
            leadership.close();
        }
    }

    /** Some work that waits by itself when there is nothing to do. */
    private interface Work {
        void run() throws InterruptedException;
    }

    private void repeat(Work work) {
        boolean reported = false;
        while (!stopped) {
            try {
                work.run();
                reported = false;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            } catch (EtcdUnavailableException | EtcdRefusedException e) {
                if (!reported && !stopped) {
                    LOG.warnf("the leader's work waits: %s", e.getMessage());
                    reported = true;
                }
                pause();
            } catch (RuntimeException e) {
                LOG.error("the leader's work failed; it is tried again", e);
                pause();
            }
        }
    }

    /** Beats for both threads: a replica whose housekeeping stands still loses its leadership too. */
    private void publish(Leadership campaign) throws InterruptedException {
        if (Duration.between(kept, clock.instant()).compareTo(STUCK) < 0) {
            campaign.beat();
        }
        epoch.ensure();
        Optional<Term> term = campaign.term();
        if (!view.isComplete()) {
            view.awaitTouched(IDLE_MILLIS);
            return;
        }
        if (term.isPresent() && !term.equals(served)) {
            view.touchAll();
        }
        served = term;
        switch (publisher.publishSome(term)) {
            case DONE -> {}
            case IDLE -> view.awaitTouched(IDLE_MILLIS);
            case LATE -> Thread.sleep(LATE_MILLIS);
        }
    }

    private void keep(Leadership campaign) throws InterruptedException {
        kept = clock.instant();
        Optional<Term> term = campaign.term();
        if (term.isEmpty()) {
            adoption.standBy();
        }
        // what a restored store lacks may be in use: nothing is taken away before that is in it again
        if (term.isPresent() && view.isComplete() && adoption.adopt(term.get())) {
            sweep();
            collector.collect(term.get(), () -> kept = clock.instant());
        }
        Thread.sleep(config.collection().interval());
    }

    private void sweep() {
        view.takeRemovedNodes().forEach(this::sweep);
        Instant now = clock.instant();
        if (!now.isBefore(nextSweep)) {
            nextSweep = now.plus(SWEEP);
            view.nodesWithState().stream()
                    .filter(node -> !view.isRegistered(node))
                    .forEach(this::sweep);
        }
    }

    private void sweep(String node) {
        kept = clock.instant();
        removal.sweep(node);
    }

    private void pause() {
        try {
            Thread.sleep(IDLE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

package io.pilus.policy.publish;

import io.etcd.jetcd.Client;
import io.pilus.etcd.EtcdStore;
import io.pilus.etcd.Leadership;
import io.pilus.policy.Replica;
import io.pilus.policy.compile.IntentState;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** The loop that publishes while this replica leads. */
@ApplicationScoped
public class Publisher {

    private static final Logger LOG = Logger.getLogger(Publisher.class);

    /** The service's name in {@code leaders/}. */
    static final String SERVICE = "policy-service";

    private static final Duration IDLE = Duration.ofSeconds(1);
    private static final Duration AFTER_TROUBLE = Duration.ofMillis(500);

    private final EtcdStore store;
    private final Client client;
    private final IntentState intent;
    private final Replica replica;
    private final Semaphore wake = new Semaphore(0);
    private @Nullable Thread thread;
    private volatile boolean closed;
    private volatile @Nullable String trouble;
    private volatile boolean leading;
    private volatile Set<String> tooLarge = Set.of();

    Publisher(EtcdStore store, Client client, IntentState intent, Replica replica) {
        this.store = store;
        this.client = client;
        this.intent = intent;
        this.replica = replica;
    }

    /** What keeps this replica from publishing although it leads, or null. */
    public @Nullable String trouble() {
        return trouble;
    }

    public boolean leads() {
        return leading;
    }

    /** Keys that outgrew what can be written. Everything else is published; nodes refuse what they cannot see whole. */
    public Set<String> tooLarge() {
        return tooLarge;
    }

    void start(@Observes StartupEvent event) {
        intent.onChange(wake::release);
        thread = Thread.ofVirtual().name("publisher").start(this::run);
    }

    void stop(@Observes ShutdownEvent event) throws InterruptedException {
        closed = true;
        wake.release();
        if (thread != null) {
            thread.join(Duration.ofSeconds(5));
        }
    }

    private void run() {
        try (Leadership leadership = Leadership.campaign(client, store, SERVICE, replica.id())) {
            leadership.onChange(wake::release);
            @Nullable Publication publication = null;
            long term = 0;
            while (!closed) {
                leadership.beat();
                Optional<Leadership.Term> now = leadership.term();
                leading = now.isPresent();
                if (now.isEmpty() || intent.revision() == 0) {
                    publication = null;
                    tooLarge = Set.of();
                    trouble = null;
                    sleep(IDLE);
                    continue;
                }
                try {
                    if (publication == null || term != now.get().createRevision()) {
                        publication = new Publication(store, intent, now.get());
                        term = now.get().createRevision();
                    }
                    boolean more = publication.step();
                    trouble = null;
                    note(publication.tooLarge());
                    if (!more) {
                        sleep(IDLE);
                    }
                } catch (Publication.DeposedException e) {
                    publication = null;
                    sleep(AFTER_TROUBLE);
                } catch (RuntimeException e) {
                    // whether the last transaction took place is unknown: read what is there
                    publication = null;
                    report(e);
                    sleep(AFTER_TROUBLE);
                }
            }
        }
    }

    private void note(Set<String> keys) {
        if (!keys.equals(tooLarge)) {
            tooLarge = keys;
            keys.forEach(key -> LOG.errorf(
                    "%s is too large to be published, and stays as it was; split its document, or give ports fewer numbers",
                    key));
        }
    }

    private void report(RuntimeException e) {
        String message = String.valueOf(e.getMessage());
        if (!message.equals(trouble)) {
            LOG.errorf("cannot publish: %s", message);
        }
        trouble = message;
    }

    private void sleep(Duration longest) {
        try {
            if (wake.tryAcquire(longest.toMillis(), TimeUnit.MILLISECONDS)) {
                wake.drainPermits();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            closed = true;
        }
    }
}

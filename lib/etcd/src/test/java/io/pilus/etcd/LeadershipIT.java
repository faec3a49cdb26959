package io.pilus.etcd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.pilus.contract.Keys;
import io.pilus.contract.v1.Liveness;
import io.pilus.testing.etcd.EtcdProcess;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LeadershipIT {

    private static EtcdProcess etcd;

    private final String service = "test-" + System.nanoTime();
    private final AtomicBoolean working = new AtomicBoolean(true);
    private EtcdFixture mine;
    private EtcdFixture other;
    private final AtomicInteger twoLeaders = new AtomicInteger();
    private Thread work;
    private Thread observer;
    private volatile Leadership first;
    private volatile Leadership second;

    @BeforeAll
    static void startEtcd() {
        etcd = EtcdProcess.start();
    }

    @AfterAll
    static void stopEtcd() {
        etcd.close();
    }

    @BeforeEach
    void campaign() {
        mine = EtcdFixture.connect(etcd);
        other = EtcdFixture.connect(etcd);
        first = Leadership.campaign(mine.client(), mine.store(), service, "first");
        await().atMost(Duration.ofSeconds(30)).until(() -> first.term().isPresent());
        second = Leadership.campaign(other.client(), other.store(), service, "second");
        work = Thread.startVirtualThread(this::beat);
        observer = Thread.startVirtualThread(this::observe);
    }

    @AfterEach
    void end() {
        observer.interrupt();
        work.interrupt();
        first.close();
        second.close();
        mine.close();
        other.close();
        assertThat(twoLeaders).as("observations of two leaders at once").hasValue(0);
    }

    @Test
    void hasOneLeader() {
        assertThat(first.term()).isPresent();
        await().during(Duration.ofSeconds(2)).until(() -> second.term().isEmpty());
    }

    @Test
    void passesOnLongBeforeTheLeaseEndsWhenTheLeaderCloses() {
        Leadership.Term before = first.term().orElseThrow();

        long closing = System.nanoTime();
        first.close();
        await().pollInterval(Duration.ofMillis(2)).until(() -> second.term().isPresent());

        assertThat(Duration.ofNanos(System.nanoTime() - closing)).isLessThan(Duration.ofSeconds(3));
        assertThat(second.term().orElseThrow().createRevision()).isGreaterThan(before.createRevision());
        assertThat(first.term()).isEmpty();
    }

    @Test
    void letsADeposedLeaderWriteNothing() {
        Leadership.Term deposed = first.term().orElseThrow();
        var key = Keys.live(service);
        first.close();
        await().atMost(Duration.ofSeconds(30)).until(() -> second.term().isPresent());

        var late = deposed.guard(mine.store().transaction())
                .put(key, Liveness.getDefaultInstance())
                .commit();
        var rightful = second.term()
                .orElseThrow()
                .guard(other.store().transaction())
                .put(key, Liveness.getDefaultInstance())
                .commit();

        assertThat(late.succeeded()).isFalse();
        assertThat(rightful.succeeded()).isTrue();
    }

    @Test
    void deposesALeaderWhoseWorkStandsStill() {
        var changes = new AtomicInteger();
        first.onChange(changes::incrementAndGet);

        working.set(false);

        await().atMost(Duration.ofSeconds(15)).until(() -> second.term().isPresent());
        assertThat(first.term()).isEmpty();
        assertThat(changes).hasValue(1);
    }

    @Test
    void noticesAtOnceThatEtcdHasLostTheLease() {
        loses(this::revokeTheLeadersLease);
    }

    @Test
    void noticesAtOnceThatItsKeyWasDeleted() {
        loses(() -> mine.store().transaction().delete(Keys.leader(service)).commit());
    }

    /** What an administrator does takes effect at etcd first: for that moment only the guard is there. */
    private void loses(Runnable loss) {
        observer.interrupt();
        Optional<Leadership.Term> before = first.term();

        loss.run();

        await().atMost(Duration.ofSeconds(4)).until(() -> !first.term().equals(before));
        await().atMost(Duration.ofSeconds(4))
                .until(() -> first.term().isPresent() != second.term().isPresent());
    }

    @Test
    void passesOnWhenTheLeaderIsCutOffFromEtcd() {
        mine.client().close();

        await().atMost(Duration.ofSeconds(20)).until(() -> second.term().isPresent());

        assertThat(first.term()).isEmpty();
    }

    @Test
    void neverHasTwoLeadersWhileEtcdIsFrozen() throws InterruptedException {
        long frozen = System.nanoTime();
        etcd.freeze();
        try {
            await().pollInterval(Duration.ofMillis(5))
                    .atMost(Duration.ofSeconds(6))
                    .until(() -> first.term().isEmpty());
            assertThat(Duration.ofNanos(System.nanoTime() - frozen)).isLessThan(Duration.ofSeconds(5));
            Thread.sleep(1000);
            assertThat(first.term()).isEmpty();
            assertThat(second.term()).isEmpty();
        } finally {
            etcd.thaw();
        }

        await().atMost(Duration.ofSeconds(20))
                .until(() -> first.term().isPresent() != second.term().isPresent());
    }

    @Test
    void leadsAgainAfterEtcdWasKilled() {
        Leadership.Term before = first.term().orElseThrow();

        etcd.kill();
        etcd.restart();

        await().atMost(Duration.ofSeconds(20))
                .until(() -> first.term().isPresent() != second.term().isPresent());
        first.term().ifPresent(now -> assertThat(now.createRevision()).isGreaterThanOrEqualTo(before.createRevision()));
    }

    private void beat() {
        while (!Thread.currentThread().isInterrupted()) {
            if (working.get()) {
                first.beat();
            }
            second.beat();
            try {
                Thread.sleep(50);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private void observe() {
        while (!Thread.currentThread().isInterrupted()) {
            var before = first.term();
            boolean both = before.isPresent() && second.term().isPresent() && before.equals(first.term());
            if (both) {
                twoLeaders.incrementAndGet();
            }
            try {
                Thread.sleep(1);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    private void revokeTheLeadersLease() {
        long lease = mine.client()
                .getKVClient()
                .get(EtcdStore.bytes(Keys.leader(service).path()))
                .join()
                .getKvs()
                .getFirst()
                .getLease();
        mine.client().getLeaseClient().revoke(lease).join();
    }
}

package io.pilus.etcd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Liveness;
import io.pilus.testing.etcd.EtcdProcess;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class LeasedKeyIT {

    private static EtcdProcess etcd;
    private static EtcdFixture fixture;

    private final Key<Liveness> key = Keys.live("node-" + System.nanoTime());

    @BeforeAll
    static void start() {
        etcd = EtcdProcess.start();
        fixture = EtcdFixture.connect(etcd);
    }

    @AfterAll
    static void stop() {
        fixture.close();
        etcd.close();
    }

    @Test
    void writesTheKeyAgainWhenEtcdHasLostTheLease() {
        try (var leased = keep()) {
            await().until(leased::held);
            var before = fixture.store().get(key).orElseThrow();

            revokeLease();

            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() -> assertThat(fixture.store().get(key))
                            .hasValueSatisfying(
                                    now -> assertThat(now.createRevision()).isGreaterThan(before.createRevision())));
        }
    }

    @Test
    void writesTheKeyAgainWhenSomebodyDeletedIt() {
        try (var leased = keep()) {
            await().until(leased::held);

            fixture.store().transaction().delete(key).commit();

            await().atMost(Duration.ofSeconds(20))
                    .until(() -> fixture.store().get(key).isPresent());
        }
    }

    @Test
    void livesLongerThanItsLease() {
        try (var leased = keep()) {
            await().until(leased::held);
            var before = fixture.store().get(key);

            await().during(Duration.ofSeconds(7)).atMost(Duration.ofSeconds(9)).until(leased::held);

            assertThat(fixture.store().get(key)).isEqualTo(before);
        }
    }

    @Test
    void takesTheKeyAwayWhenClosed() {
        var leased = keep();
        await().until(leased::held);

        leased.close();

        assertThat(leased.held()).isFalse();
        assertThat(fixture.store().get(key)).isEmpty();
    }

    private LeasedKey<Liveness> keep() {
        return LeasedKey.keep(
                fixture.client(), fixture.store(), key, Liveness::getDefaultInstance, Duration.ofSeconds(3));
    }

    private void revokeLease() {
        long lease = fixture.client()
                .getKVClient()
                .get(EtcdStore.bytes(key.path()))
                .join()
                .getKvs()
                .getFirst()
                .getLease();
        fixture.client().getLeaseClient().revoke(lease).join();
    }
}

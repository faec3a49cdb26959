package io.pilus.identity;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class IdentityConfigTest {

    @Test
    void everySettingHasItsDefault() {
        IdentityConfig config = Configs.identity(Map.of());

        assertThat(config.instanceLabels())
                .containsExactlyInAnyOrder(
                        "pod-template-hash",
                        "controller-uid",
                        "job-name",
                        "batch.kubernetes.io/controller-uid",
                        "batch.kubernetes.io/job-name",
                        "batch.kubernetes.io/job-completion-index",
                        "statefulset.kubernetes.io/pod-name",
                        "apps.kubernetes.io/pod-index",
                        "controller-revision-hash",
                        "pod-template-generation");
        assertThat(config.numbers().first()).isEqualTo(256);
        assertThat(config.numbers().last()).isEqualTo(16_777_215);
        assertThat(config.numbers().range()).isEqualTo(4096);
        assertThat(config.collection().quarantine()).isEqualTo(Duration.ofSeconds(10));
        assertThat(config.collection().interval()).isEqualTo(Duration.ofSeconds(2));
        assertThat(config.attempts()).isEqualTo(50);
    }

    @Test
    void everySettingHasItsName() {
        IdentityConfig config = Configs.identity(Map.of(
                "pilus.identity.instance-labels", "a,b*",
                "pilus.identity.numbers.first", "300",
                "pilus.identity.numbers.last", "400",
                "pilus.identity.numbers.range", "10",
                "pilus.identity.collection.quarantine", "PT1S",
                "pilus.identity.collection.interval", "PT3S",
                "pilus.identity.attempts", "7"));

        assertThat(config.instanceLabels()).containsExactly("a", "b*");
        assertThat(config.numbers().first()).isEqualTo(300);
        assertThat(config.numbers().last()).isEqualTo(400);
        assertThat(config.numbers().range()).isEqualTo(10);
        assertThat(config.collection().quarantine()).isEqualTo(Duration.ofSeconds(1));
        assertThat(config.collection().interval()).isEqualTo(Duration.ofSeconds(3));
        assertThat(config.attempts()).isEqualTo(7);
    }
}

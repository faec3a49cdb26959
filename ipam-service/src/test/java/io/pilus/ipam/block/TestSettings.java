package io.pilus.ipam.block;

import io.pilus.etcd.EtcdConfig;
import io.pilus.ipam.IpamConfig;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Settings of what runs without Quarkus. */
final class TestSettings {

    private TestSettings() {}

    record Ipam(Duration rest, int blocksPerNode) implements IpamConfig {}

    record Etcd(List<String> endpoints) implements EtcdConfig {
        @Override
        public Duration timeout() {
            return Duration.ofSeconds(10);
        }

        @Override
        public Optional<String> caFile() {
            return Optional.empty();
        }

        @Override
        public Optional<String> certFile() {
            return Optional.empty();
        }

        @Override
        public Optional<String> keyFile() {
            return Optional.empty();
        }
    }
}

package io.pilus.messaging.etcd;

import io.pilus.etcd.EtcdConfig;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Settings of an etcd without TLS, with a short timeout. */
record TestConfig(List<String> endpoints) implements EtcdConfig {

    @Override
    public Duration timeout() {
        return Duration.ofSeconds(3);
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

package io.pilus.messaging.etcd;

import io.pilus.etcd.EtcdConfig;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Settings of an etcd without TLS. */
record TestConfig(List<String> endpoints, Duration timeout) implements EtcdConfig {

    /** For a channel under test. */
    TestConfig(List<String> endpoints) {
        this(endpoints, Duration.ofSeconds(4));
    }

    /** For a test's own reads and writes, on a machine that may be busy. */
    TestConfig patient() {
        return new TestConfig(endpoints, Duration.ofSeconds(30));
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

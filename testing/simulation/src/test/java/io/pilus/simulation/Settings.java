package io.pilus.simulation;

import io.pilus.etcd.EtcdConfig;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** How to reach a store. */
public record Settings(List<String> endpoints) implements EtcdConfig {

    /** For a store that is in this process. */
    public static final Settings NONE = new Settings(List.of());

    @Override
    public Duration timeout() {
        return Duration.ofSeconds(20);
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

package io.pilus.node.ipam;

import java.time.Duration;

record Settings(Duration coolDown, int reserve, Duration idle) implements LeaseConfig {
    static final Settings DEFAULT = new Settings(Duration.ofSeconds(60), 16, Duration.ofMinutes(5));
}

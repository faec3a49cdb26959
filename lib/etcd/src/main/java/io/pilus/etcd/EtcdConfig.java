package io.pilus.etcd;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** How to reach etcd; every key starts with {@code pilus.etcd}. */
@ConfigMapping(prefix = "pilus.etcd")
public interface EtcdConfig {

    /** Client URLs of the members. */
    @WithDefault("http://127.0.0.1:2379")
    List<String> endpoints();

    /** How long a call may take before etcd counts as unavailable. */
    @WithDefault("PT5S")
    Duration timeout();

    /** PEM file of the authority that signed the servers' certificates; without it the connection is not encrypted. */
    Optional<String> caFile();

    /** PEM file of this client's certificate. */
    Optional<String> certFile();

    /** PEM file of this client's key, PKCS#8. */
    Optional<String> keyFile();
}

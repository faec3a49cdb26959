package io.pilus.policy;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Settings of policy-service; every key starts with {@code pilus.policy}. */
@ConfigMapping(prefix = "pilus.policy")
public interface PolicyConfig {

    /** How long {@code ?wait=enforced} waits when the request does not say. */
    @WithDefault("PT30S")
    Duration waitTimeout();

    /** How long {@code ?wait=enforced} may wait at most. */
    @WithDefault("PT5M")
    Duration longestWait();
}

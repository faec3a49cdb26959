package io.pilus.rest;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** What every REST interface has in common beside Quarkus' own settings. */
@ConfigMapping(prefix = "pilus.rest")
interface RestConfig {

    /** How long the body of a request may take to arrive, from its headers to its last byte. */
    @WithDefault("PT30S")
    Duration bodyTimeout();
}

package io.pilus.node.ipam;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.Min;
import java.time.Duration;

/** How the node keeps its addresses; every key starts with {@code pilus.node.leases}. */
@ConfigMapping(prefix = "pilus.node.leases")
public interface LeaseConfig {

    /** How long an address stays unused after its release, at least. */
    @WithDefault("PT60S")
    Duration coolDown();

    /** How many free addresses of each pool and family the node keeps for pods to come. */
    @WithDefault("16")
    @Min(1)
    int reserve();

    /** How long a block has to be empty before the node gives it back. */
    @WithDefault("PT5M")
    Duration idle();
}

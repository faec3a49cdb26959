package io.pilus.ipam;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.Min;
import java.time.Duration;

/** How blocks are granted; every key starts with {@code pilus.ipam}. */
@ConfigMapping(prefix = "pilus.ipam")
public interface IpamConfig {

    /** How long a block that a node gave back rests before it is granted again. */
    @WithDefault("PT10M")
    Duration rest();

    /** How many blocks of one pool and family a node may hold; what it wants beyond that is an alarm. */
    @WithDefault("64")
    @Min(1)
    int blocksPerNode();
}

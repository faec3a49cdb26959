package io.pilus.node;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotBlank;
import java.nio.file.Path;
import java.time.Duration;

/** Settings of the agent. */
@ConfigMapping(prefix = "pilus.node")
public interface NodeConfig {

    /** The node's name, as the control plane knows it. */
    @NotBlank
    String name();

    /** A directory on a local disk that outlives the agent: leases, endpoints, the last state seen. */
    @WithDefault("/var/lib/pilus")
    Path stateDir();

    /** A directory of the node's own BPF file system, for pins; mounted when it is none. No dot in its last part. */
    @WithDefault("/sys/fs/bpf/pilus")
    Path bpffs();

    /** The device that leads to other nodes; its addresses are the node's. */
    @WithDefault("eth0")
    String uplink();

    @WithDefault("vxlan")
    Routing routing();

    /** How long attaching a workload waits for what it needs. */
    @WithDefault("PT20S")
    Duration attachDeadline();

    /** How many workloads are attached or detached at once; the rest queues. */
    @WithDefault("16")
    int attachConcurrency();

    /** With native routing: who takes a packet for another node's pod. */
    @WithDefault("node")
    NextHop nextHop();

    /** How many new connections each workload may have in a second before they may be forgotten; 0 for any number. */
    @WithDefault("20000")
    @Min(0)
    int connectionRate();

    /** How many connections each workload may have at a time before new ones may be forgotten; 0 for any number. */
    @WithDefault("65536")
    @Min(0)
    int connectionShare();

    /** How many connections the table of a node that has just booted has room for; it grows as it fills. */
    @WithDefault("32768")
    @Min(1024)
    int initialConnections();

    /** How many connections the table may grow to; what comes beyond has a small table where new ones displace each other. */
    @WithDefault("262144")
    @Min(1024)
    int maxConnections();

    /** How many entries each of the datapath's maps of workloads, addresses and policy may grow to. */
    @WithDefault("1048576")
    @Min(1024)
    int maxMapEntries();

    /** How many flow events each workload may cause in a second; all packets are counted anyway. 0 for any number. */
    @WithDefault("500")
    @Min(0)
    int eventRate();

    /** The other node itself, on the uplink's link, or whom the node's routes name. */
    enum NextHop {
        NODE,
        ROUTES
    }

    /** How pods' packets travel between nodes. */
    enum Routing {
        VXLAN,
        NATIVE
    }
}

package io.pilus.lab;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a lab shall be.
 *
 * @param name the prefix of everything that it makes; a few lower-case letters
 * @param network the third number of its addresses; labs that run side by side need different ones
 * @param home the source tree with the built services
 * @param production whether it shall be fast in the long run, not soon up: etcd waits for the disk, all code is fully compiled
 * @param training whether agents that end leave the cache behind that makes the next ones' start short
 * @param replicas processes of each service
 * @param serviceSettings more settings of the services, by their property names
 * @param agents whether nodes have agents
 * @param agentSettings more settings of the agents, by their property names
 * @param pool the ranges of the default pool
 * @param diskMebibytes what the disks of etcd and of the agents hold; 0 for as much as the machine's
 * @param ownClocks whether services and agents have clocks that can be set
 * @param blocks how large the blocks of the default pool are, by the pool's members; empty for the usual size
 * @param keepFailed whether a lab that could not be started stays for inspection
 */
public record LabConfig(
        String name,
        int network,
        int nodes,
        Routing routing,
        Path home,
        boolean production,
        boolean training,
        Set<Service> services,
        int replicas,
        Map<String, String> serviceSettings,
        boolean agents,
        Map<String, String> agentSettings,
        List<String> pool,
        int diskMebibytes,
        boolean ownClocks,
        Map<String, Integer> blocks,
        boolean keepFailed,
        Progress progress) {

    /** The module with the agent. */
    static final String AGENT = "node-agent";

    private static final int LONGEST_NAME = 8;
    private static final int MOST_NODES = 100;

    public LabConfig {
        if (!name.matches("[a-z][a-z0-9]*") || name.length() > LONGEST_NAME) {
            throw new LabException("'" + name + "' is no name for a lab: take up to 8 lower-case letters and digits");
        }
        if (nodes < 1 || nodes > MOST_NODES) {
            throw new LabException("a lab has between 1 and " + MOST_NODES + " nodes, not " + nodes);
        }
        services = Set.copyOf(services);
        serviceSettings = Map.copyOf(serviceSettings);
        agentSettings = Map.copyOf(agentSettings);
        pool = List.copyOf(pool);
        blocks = Map.copyOf(blocks);
    }

    /** Two nodes with VXLAN between them, all services. */
    public static Builder named(String name) {
        return new Builder(name);
    }

    /** The program that a module is built into. */
    Path jar(String module) {
        return home.resolve(module).resolve("target/quarkus-app/quarkus-run.jar");
    }

    /** How an agent's JVM is started. */
    Path agentJvmOptions() {
        return home.resolve(AGENT).resolve("jvm.options");
    }

    /** What a training leaves behind, and a lab in production uses when it is there. */
    Path agentCache() {
        return jar(AGENT).resolveSibling("app.aot");
    }

    /** Whether there is none, or one of an earlier build. */
    public boolean wantsTraining() {
        File cache = agentCache().toFile();
        return cache.lastModified() < jar(AGENT).toFile().lastModified()
                || cache.lastModified() < agentJvmOptions().toFile().lastModified();
    }

    /**
     * Looks for what the lab will run.
     *
     * @throws LabException when something was not built
     */
    void requireBuilt() {
        Stream<String> modules = services.stream().map(Service::module);
        for (String module :
                Stream.concat(modules, agents ? Stream.of(AGENT) : Stream.of()).toList()) {
            if (!Files.exists(jar(module))) {
                throw new LabException(module + " is not built: there is no " + jar(module)
                        + "; './pilus' builds what it needs, and so does 'mvn -Dquick package'");
            }
        }
    }

    String python() {
        Path debian = Path.of("/usr/bin/python3");
        return Files.isExecutable(debian) ? debian.toString() : "python3";
    }

    /** Sets what differs from the ordinary lab. */
    public static final class Builder {

        private final String name;
        private int network;
        private int nodes = 2;
        private Routing routing = Routing.VXLAN;
        private @Nullable Path home;
        private boolean production;
        private boolean training;
        private Set<Service> services = EnumSet.allOf(Service.class);
        private int replicas = 1;
        private Map<String, String> serviceSettings = Map.of();
        private boolean agents = true;
        private Map<String, String> agentSettings = Map.of();
        private List<String> pool = List.of("10.244.0.0/16", "fd00:10:244::/48");
        private int diskMebibytes;
        private boolean ownClocks;
        private Map<String, Integer> blocks = Map.of();
        private boolean keepFailed;
        private Progress progress = Progress.SILENT;

        private Builder(String name) {
            this.name = name;
        }

        public Builder network(int third) {
            this.network = third;
            return this;
        }

        public Builder nodes(int count) {
            this.nodes = count;
            return this;
        }

        public Builder routing(Routing between) {
            this.routing = between;
            return this;
        }

        public Builder home(Path tree) {
            this.home = tree;
            return this;
        }

        public Builder production() {
            this.production = true;
            return this;
        }

        public Builder training(boolean leaveCache) {
            this.training = leaveCache;
            return this;
        }

        public Builder services(Service... only) {
            this.services = Set.of(only);
            return this;
        }

        public Builder replicas(int ofEachService) {
            this.replicas = ofEachService;
            return this;
        }

        public Builder serviceSettings(Map<String, String> settings) {
            this.serviceSettings = settings;
            return this;
        }

        public Builder withoutAgents() {
            this.agents = false;
            return this;
        }

        public Builder agentSettings(Map<String, String> settings) {
            this.agentSettings = settings;
            return this;
        }

        public Builder pool(String... ranges) {
            this.pool = List.of(ranges);
            return this;
        }

        public Builder smallDisks(int mebibytes) {
            this.diskMebibytes = mebibytes;
            return this;
        }

        public Builder ownClocks() {
            this.ownClocks = true;
            return this;
        }

        /** Sixteen addresses of each family. */
        public Builder smallBlocks() {
            this.blocks = Map.of("blockLengthIpv4", 28, "blockLengthIpv6", 124);
            return this;
        }

        public Builder keepFailed() {
            this.keepFailed = true;
            return this;
        }

        public Builder progress(Progress told) {
            this.progress = told;
            return this;
        }

        public LabConfig build() {
            return new LabConfig(
                    name,
                    network,
                    nodes,
                    routing,
                    Objects.requireNonNullElseGet(home, Builder::findHome),
                    production,
                    training,
                    services,
                    replicas,
                    serviceSettings,
                    agents,
                    agentSettings,
                    pool,
                    diskMebibytes,
                    ownClocks,
                    blocks,
                    keepFailed,
                    progress);
        }

        /** What PILUS_HOME names; else the tree that holds the working directory. */
        private static Path findHome() {
            Optional<String> named = Optional.ofNullable(System.getenv("PILUS_HOME"));
            if (named.isPresent()) {
                return Path.of(named.get());
            }
            for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
                if (Files.exists(at.resolve("pilus")) && Files.exists(at.resolve("testing/lab/pom.xml"))) {
                    return at;
                }
            }
            throw new LabException("this is not inside Pilus' source tree; name it by PILUS_HOME");
        }
    }
}

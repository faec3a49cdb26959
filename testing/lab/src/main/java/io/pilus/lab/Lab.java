package io.pilus.lab;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.pilus.testing.etcd.EtcdBinary;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A cluster of network-namespace nodes on this machine: etcd, each service and each pod in a namespace of its own, an agent in each
 * node's. Whatever a lab makes is written down first; starting or ending a lab of the same name undoes what an
 * earlier one left, even after a crash. Needs root.
 */
public final class Lab implements AutoCloseable {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int CONTROL_PLANE = 10;
    private static final int SERVICES = 120;
    private static final int OUTSIDE = 200;
    private static final String ETCD = "cp";
    private static final int ETCD_PORT = 2379;
    private static final int NOT_FOUND = 404;

    /** A stopped agent may be resumed or started again. */
    private static final Duration DETACH_PATIENCE = Duration.ofMinutes(3);

    private static final String PEER_URL = "http://127.0.0.1:2380";

    private final LabConfig config;
    private final Path directory;
    private final FileChannel lock;
    private final Journal journal;
    private final Fabric fabric;
    private final Map<String, Daemon> controlPlane = new ConcurrentSkipListMap<>();
    private final Map<String, Node> nodes = new ConcurrentSkipListMap<>();
    private final Map<String, Pod> pods = new ConcurrentSkipListMap<>();
    private final Map<String, Clock> clocks = new ConcurrentSkipListMap<>();
    private final AtomicBoolean ended = new AtomicBoolean();
    private final Thread interrupted = new Thread(this::close, "lab removal");
    private @Nullable Prober outside;

    private Lab(LabConfig config, FileChannel lock) {
        this.config = config;
        this.directory = LabState.LABS.resolve(config.name());
        this.lock = lock;
        this.journal = new Journal(directory);
        this.fabric = new Fabric(config.name(), config.network(), journal);
    }

    /**
     * Starts a lab and waits until every part of it is ready.
     *
     * @throws LabException when it cannot; what was made is undone then
     */
    public static Lab start(LabConfig config) {
        config.requireBuilt();
        Lab lab = new Lab(config, lock(config.name()));
        Runtime.getRuntime().addShutdownHook(lab.interrupted);
        try {
            lab.journal.undo();
            lab.journal.begin();
            lab.make();
            return lab;
        } catch (RuntimeException e) {
            if (config.keepFailed()) {
                lab.leave();
            } else {
                lab.close();
            }
            throw e;
        }
    }

    /** Undoes what labs of this name have left, running or crashed. */
    public static void remove(String name) {
        try (FileChannel _ = lock(name)) {
            new Journal(LabState.LABS.resolve(name)).undo();
        } catch (IOException e) {
            throw new LabException("could not unlock lab " + name, e);
        }
    }

    /** Writes a backup of the lab's store. */
    public StoreBackup.Summary backup(Path file) {
        return StoreBackup.save(etcdUri().toString(), file);
    }

    /** Puts a backup back: services and etcd end, and start again on it. Agents run on. */
    public StoreBackup.Restored restore(Path backup) {
        List<Daemon> services = config.services().stream()
                .flatMap(service -> replicas(service).stream())
                .toList();
        StoreBackup.Restored restored = restore(directory, etcd(), services, Daemon::kill, backup, config.progress());
        awaitEtcd();
        services.forEach(Daemon::start);
        config.services().forEach(this::awaitReady);
        return restored;
    }

    /** As {@link #restore(Path)}, on a lab that was left running. */
    public static StoreBackup.Restored restore(LabState lab, Path backup, Progress progress) {
        Path directory = LabState.LABS.resolve(lab.name());
        try (FileChannel _ = lock(lab.name())) {
            Path notes = directory.resolve("commands");
            Daemon etcd = Daemon.noted(notes.resolve("etcd"));
            Map<Service, Daemon> services = new EnumMap<>(Service.class);
            for (Service service : Service.values()) {
                services.put(service, Daemon.noted(notes.resolve(service.module())));
            }
            StoreBackup.Restored restored =
                    restore(directory, etcd, List.copyOf(services.values()), Daemon::endRecorded, backup, progress);
            new Readiness(etcd, Rest.at(lab.etcd()), "/readyz", progress).await();
            services.values().forEach(Daemon::start);
            services.forEach((service, daemon) ->
                    new Readiness(daemon, Rest.at(lab.uri(service)), "/q/health/ready", progress).await());
            return restored;
        } catch (IOException e) {
            throw new LabException("could not unlock lab " + lab.name(), e);
        }
    }

    /** The services first: none shall see another store than the one that it knows. Whatever comes of it, etcd runs afterwards. */
    private static StoreBackup.Restored restore(
            Path directory, Daemon etcd, List<Daemon> services, Consumer<Daemon> end, Path backup, Progress progress) {
        StoreBackup.check(backup);
        progress.say("stopping services and etcd");
        services.forEach(end);
        end.accept(etcd);
        try {
            return StoreBackup.replace(
                    backup, StoreBackup.Member.alone(directory.resolve("etcd"), "lab", PEER_URL), StoreBackup.BUMP);
        } catch (RuntimeException e) {
            services.forEach(Daemon::start);
            throw e;
        } finally {
            progress.say("starting etcd");
            etcd.start();
        }
    }

    /** Where etcd's data lies. */
    public Path etcdData() {
        return directory.resolve("etcd");
    }

    /** Waits until etcd serves, after it was started again. */
    public void awaitEtcd() {
        new Readiness(etcd(), Rest.at(etcdUri()), "/readyz", config.progress()).await();
    }

    /** Ends everything, and leaves nothing behind; also done when this process is interrupted. */
    @Override
    public void close() {
        if (ended.compareAndSet(false, true)) {
            probers().forEach(Prober::close);
            journal.undo();
            unlock();
        }
    }

    /** Leaves the lab running; {@link #remove} ends it. */
    public void leave() {
        if (ended.compareAndSet(false, true)) {
            probers().forEach(Prober::close);
            unlock();
        }
    }

    private void unlock() {
        try {
            lock.close();
            Runtime.getRuntime().removeShutdownHook(interrupted);
        } catch (IOException e) {
            throw new LabException("could not unlock lab " + config.name(), e);
        } catch (IllegalStateException _) {
            // this is the shutdown
        }
    }

    public List<Node> nodes() {
        return List.copyOf(nodes.values());
    }

    public Node node(String name) {
        return Optional.ofNullable(nodes.get(name)).orElseThrow(() -> new LabException("no node '" + name + "'"));
    }

    public List<Pod> pods() {
        return List.copyOf(pods.values());
    }

    public Pod pod(String namespace, String name) {
        return Optional.ofNullable(pods.get(namespace + "/" + name))
                .orElseThrow(() -> new LabException("no pod '" + namespace + "/" + name + "'"));
    }

    /** Makes connections from outside the cluster. */
    public Prober outside() {
        return Optional.ofNullable(outside).orElseThrow();
    }

    /** The address of the place outside, which no pool holds. */
    public String outsideIpv4() {
        return fabric.ipv4(OUTSIDE);
    }

    public String outsideIpv6() {
        return fabric.ipv6(OUTSIDE);
    }

    public Daemon etcd() {
        return controlPlane("etcd");
    }

    public URI etcdUri() {
        return URI.create("http://" + fabric.ipv4(CONTROL_PLANE) + ":" + ETCD_PORT);
    }

    /** Runs etcdctl on the lab's etcd. */
    public String etcdctl(String... arguments) {
        return Tool.run(StoreBackup.etcdctl(etcdUri().toString(), arguments));
    }

    /** The process of a service, or of etcd. */
    public Daemon controlPlane(String name) {
        return Optional.ofNullable(controlPlane.get(name))
                .orElseThrow(() -> new LabException("the lab does not run '" + name + "'"));
    }

    /**
     * The process of a replica.
     *
     * @param replica from 1 on
     */
    public Daemon controlPlane(Service service, int replica) {
        return controlPlane(service.replica(replica));
    }

    /** The processes of a service. */
    public List<Daemon> replicas(Service service) {
        return IntStream.rangeClosed(1, config.replicas())
                .mapToObj(replica -> controlPlane(service, replica))
                .toList();
    }

    /** The replica that leads; empty while none does. */
    public Optional<Daemon> leader(Service service) {
        String value = etcdctl("get", "--print-value-only", "/pilus/v1/leaders/" + service.module());
        return replicas(service).reversed().stream()
                .filter(replica -> value.contains(replica.name()))
                .findFirst();
    }

    /** The first replica. */
    public Rest rest(Service service) {
        return rest(service, 1);
    }

    public Rest rest(Service service, int replica) {
        return Rest.at(restUri(service, replica));
    }

    public URI restUri(Service service) {
        return restUri(service, 1);
    }

    private URI restUri(Service service, int replica) {
        return URI.create("http://" + fabric.ipv4(host(service, replica)) + ":" + service.port());
    }

    private static int host(Service service, int replica) {
        return SERVICES + 10 * (service.port() - Service.IDENTITY.port()) + replica;
    }

    /**
     * Drops every packet between two groups of the lab's namespaces until it is closed.
     *
     * @param some names of namespaces: {@link Node#netns}, {@link Daemon#netns}
     */
    public Partition partition(Collection<String> some, Collection<String> others) {
        return fabric.partition(some, others);
    }

    /** The namespaces of everybody who speaks with etcd: services, nodes, and this machine is none of them. */
    public List<String> controlPlaneUsers() {
        return Stream.concat(
                        config.services().stream()
                                .flatMap(service -> replicas(service).stream())
                                .map(Daemon::netns),
                        nodes.values().stream().map(Node::netns))
                .toList();
    }

    /** The clock of a service, etcd or an agent; only with {@link LabConfig.Builder#ownClocks}. */
    public Clock clock(Daemon daemon) {
        return Optional.ofNullable(clocks.get(daemon.name()))
                .orElseThrow(() -> new LabException(daemon.name() + " has no clock of its own"));
    }

    /** Where etcd or an agent keeps its data; only with {@link LabConfig.Builder#smallDisks}. */
    public Disk disk(Daemon daemon) {
        return new Disk(
                daemon.name().equals("etcd")
                        ? etcdData()
                        : node(nodeOf(daemon)).directory().resolve("state"));
    }

    private static String nodeOf(Daemon agent) {
        return agent.name().substring("agent-".length());
    }

    /** Creates or relabels a namespace. */
    public void putNamespace(String name, Map<String, String> labels) {
        ObjectNode body = JSON.createObjectNode();
        labels.forEach(body.putObject("labels")::put);
        rest(Service.IDENTITY).put("/v1/namespaces/" + name, body.toString()).orThrow();
    }

    /** Waits until a service that was started again is ready, all of its replicas. */
    public void awaitReady(Service service) {
        for (int replica = 1; replica <= config.replicas(); replica++) {
            readiness(service, replica).await();
        }
    }

    /** Waits until etcd, the services and the agents are ready. */
    public void awaitReady() {
        awaitEtcd();
        config.services().forEach(this::awaitReady);
        nodes.values().forEach(Node::awaitReady);
    }

    /** Starts pods side by side, and attaches them. */
    public List<Pod> run(List<PodSpec> specs) {
        List<Pod> started = inParallel(specs, this::run);
        writeState();
        return started;
    }

    /** Detaches a pod, ends its process and takes its workload away. */
    public void stop(Pod pod) {
        detach(pod);
        unregister(pod.spec());
    }

    /** Detaches a pod and ends its process, as a kubelet does; its workload stays. */
    public void detach(Pod pod) {
        detach(node(pod.node()), pod.containerId());
        end(pod);
        writeState();
    }

    private void end(Pod pod) {
        pod.prober().close();
        pod.process().kill();
        Tool.run("ip", "netns", "del", pod.netns());
        pods.remove(pod.toString());
    }

    /**
     * What a node loses when it is switched off: its agent, its pods, its devices and every BPF program and map. Its disk stays. Start the
     * agent to switch it on again.
     */
    public void powerOff(Node node) {
        node.agent().kill();
        pods.values().stream()
                .filter(pod -> pod.node().equals(node.name()))
                .toList()
                .forEach(this::end);
        Path bpffs = node.directory().resolve("bpf");
        Tool.run("umount", bpffs.toString());
        Tool.run(
                List.of("sh"),
                "for device in $(ip -n %1$s -o link | grep -o 'pilus[^:@]*' | sort -u); do ip -n %1$s link del $device || true; done"
                        .formatted(node.netns()));
        Tool.run("mount", "-t", "bpf", "bpf", bpffs.toString());
        writeState();
    }

    /** Runs a command in a namespace of the lab, for example that of {@link Node#netns}. */
    public String exec(String netns, String... command) {
        List<String> all = new ArrayList<>(List.of("nsenter", "--net=/run/netns/" + netns));
        all.addAll(List.of(command));
        return Tool.run(all);
    }

    private void make() {
        config.progress().say("wiring " + config.nodes() + " nodes");
        fabric.make();
        fabric.join(ETCD, CONTROL_PLANE);
        fabric.join("out", OUTSIDE);
        unpack("prober.py");
        if (config.ownClocks()) {
            unpack("clock.c");
            Tool.run(
                    "gcc",
                    "-O2",
                    "-Wall",
                    "-shared",
                    "-fPIC",
                    "-o",
                    clockLibrary().toString(),
                    directory.resolve("clock.c").toString(),
                    "-ldl");
        }
        startEtcd();
        List<Callable<Void>> work = new ArrayList<>();
        for (Service service : config.services()) {
            for (int i = 1; i <= config.replicas(); i++) {
                int replica = i;
                fabric.join(service.replica(replica), host(service, replica));
                startService(service, replica);
                work.add(() -> {
                    readiness(service, replica).await();
                    return null;
                });
            }
        }
        work.add(() -> {
            outside = prober("outside", "out", null, List.of("tcp:80", "udp:80"));
            return null;
        });
        for (int i = 1; i <= config.nodes(); i++) {
            int number = i;
            work.add(() -> {
                makeNode(number);
                return null;
            });
        }
        inParallel(work, Callable::call);
        register();
        if (config.agents()) {
            inParallel(nodes.values(), node -> {
                node.awaitReady();
                return node;
            });
        }
        writeState();
    }

    private void startEtcd() {
        smallDisk(etcdData());
        List<String> command = new ArrayList<>(List.of(
                EtcdBinary.etcd().toString(),
                "--name=lab",
                "--data-dir=" + etcdData(),
                "--listen-client-urls=http://0.0.0.0:" + ETCD_PORT,
                "--advertise-client-urls=" + etcdUri(),
                "--listen-peer-urls=" + PEER_URL,
                "--initial-advertise-peer-urls=" + PEER_URL,
                "--initial-cluster=lab=" + PEER_URL));
        if (!config.production()) {
            command.add("--unsafe-no-fsync");
        }
        controlPlane.put("etcd", daemon("etcd", ETCD, null, Map.of(), command));
        awaitEtcd();
    }

    private void startService(Service service, int replica) {
        String name = service.replica(replica);
        List<String> command = java(config.production() ? "-Xmx512m" : "-Xmx192m");
        command.addAll(List.of("-Dquarkus.http.host=0.0.0.0", "-Dquarkus.http.port=" + service.port()));
        config.serviceSettings().forEach((key, value) -> command.add("-D" + key + "=" + value));
        command.addAll(List.of("-jar", config.jar(service.module()).toString()));
        controlPlane.put(name, daemon(name, name, null, environment(name), command));
    }

    private Map<String, String> environment(String daemon) {
        Map<String, String> environment =
                new TreeMap<>(Map.of("PILUS_ETCD_ENDPOINTS", etcdUri().toString(), "PILUS_REPLICA", daemon));
        if (config.ownClocks()) {
            Clock clock = new Clock(clockLibrary(), directory.resolve("clocks").resolve(daemon));
            environment.putAll(clock.environment());
            clocks.put(daemon, clock);
        }
        return environment;
    }

    private Path clockLibrary() {
        return directory.resolve("clock.so");
    }

    private void smallDisk(Path mountPoint) {
        if (config.diskMebibytes() > 0) {
            try {
                Files.createDirectories(mountPoint);
            } catch (IOException e) {
                throw new LabException("could not make " + mountPoint, e);
            }
            journal.will(Journal.Kind.MOUNT, mountPoint.toString());
            Tool.run(
                    "mount",
                    "-t",
                    "tmpfs",
                    "-o",
                    "size=" + config.diskMebibytes() + "m",
                    "tmpfs",
                    mountPoint.toString());
        }
    }

    private Readiness readiness(Service service, int replica) {
        return new Readiness(
                controlPlane(service, replica), rest(service, replica), "/q/health/ready", config.progress());
    }

    private void makeNode(int number) {
        String name = "n" + number;
        fabric.join(name, CONTROL_PLANE + number);
        Path own = directory.resolve(name);
        Path bpffs = own.resolve("bpf");
        Path state = own.resolve("state");
        try {
            Files.createDirectories(bpffs);
            Files.createDirectories(state);
        } catch (IOException e) {
            throw new LabException("could not make the directories of node " + name, e);
        }
        smallDisk(state);
        journal.will(Journal.Kind.MOUNT, bpffs.toString());
        Tool.run("mount", "-t", "bpf", "bpf", bpffs.toString());
        Path cgroup = cgroup(name, "host");

        List<String> command = new ArrayList<>(List.of(javaProgram(), "@" + config.agentJvmOptions()));
        if (config.training()) {
            command.add("-XX:AOTCacheOutput=" + config.agentCache());
        } else if (config.production() && Files.exists(config.agentCache())) {
            command.add("-XX:AOTCache=" + config.agentCache());
        }
        command.addAll(List.of(
                "-Dpilus.node.name=" + name,
                "-Dpilus.node.state-dir=" + state,
                "-Dpilus.node.bpffs=" + bpffs,
                "-Dpilus.node.routing=" + config.routing().setting(),
                "-Dquarkus.http.domain-socket=" + own.resolve("agent.sock"),
                "-Dquarkus.management.host=0.0.0.0",
                "-Dquarkus.management.port=" + Node.MANAGEMENT_PORT));
        config.agentSettings().forEach((key, value) -> command.add("-D" + key + "=" + value));
        command.addAll(List.of("-jar", config.jar(LabConfig.AGENT).toString()));
        Daemon agent = Daemon.prepare(spec("agent-" + name, name, cgroup, environment("agent-" + name), command));
        List<String> addresses = List.of(fabric.ipv4(CONTROL_PLANE + number), fabric.ipv6(CONTROL_PLANE + number));
        Rest management = Rest.at(URI.create("http://" + addresses.getFirst() + ":" + Node.MANAGEMENT_PORT));
        if (config.agents()) {
            agent.start();
        }
        nodes.put(
                name,
                new Node(
                        name,
                        fabric.netns(name),
                        addresses,
                        own,
                        agent,
                        new Readiness(agent, management, "/q/health/ready", config.progress()),
                        prober("host-" + name, name, cgroup, List.of("tcp:80", "udp:80"))));
    }

    /** Tells the services of the nodes and of a pool, so that agents have something to work with. */
    private void register() {
        if (config.services().contains(Service.IDENTITY)) {
            for (Node node : nodes.values()) {
                ObjectNode body = JSON.createObjectNode();
                body.putObject("labels").put("kubernetes.io/hostname", node.name());
                node.addresses().forEach(body.putArray("addresses")::add);
                rest(Service.IDENTITY)
                        .put("/v1/nodes/" + node.name(), body.toString())
                        .orThrow();
            }
            rest(Service.IDENTITY)
                    .put("/v1/namespaces/default", "{\"labels\":{}}")
                    .orThrow();
        }
        if (config.services().contains(Service.IPAM)) {
            ObjectNode pool = JSON.createObjectNode();
            ArrayNode ranges = pool.putArray("ranges");
            config.pool().forEach(ranges::add);
            config.blocks().forEach(pool::put);
            rest(Service.IPAM).put("/v1/pools/default", pool.toString()).orThrow();
        }
    }

    private Pod run(PodSpec spec) {
        return run(spec, register(spec));
    }

    /**
     * Creates the pod's workload.
     *
     * @return its uid
     */
    public String register(PodSpec spec) {
        return register(spec, 1);
    }

    /** The same by one of identity-service's replicas. */
    public String register(PodSpec spec, int replica) {
        return rest(Service.IDENTITY, replica)
                .post("/v1/workloads", spec.workload().toString())
                .orThrow()
                .json()
                .path("uid")
                .asText();
    }

    /** Takes the pod's workload away. */
    public void unregister(PodSpec spec) {
        unregister(spec, 1);
    }

    /** The same by one of identity-service's replicas. */
    public void unregister(PodSpec spec, int replica) {
        rest(Service.IDENTITY, replica)
                .delete("/v1/workloads/" + spec.namespace() + "/" + spec.name())
                .orThrow();
    }

    /** Takes the pod's workload away if there is one. */
    public void forget(PodSpec spec) {
        Answer answer = rest(Service.IDENTITY).delete("/v1/workloads/" + spec.namespace() + "/" + spec.name());
        if (answer.status() != NOT_FOUND) {
            answer.orThrow();
        }
    }

    /**
     * Starts and attaches a pod whose workload exists. When that fails, what there is of it is taken away as a kubelet does it: the
     * agent is told to detach until it answers.
     */
    public Pod run(PodSpec spec, String uid) {
        Sandbox sandbox = sandbox(spec);
        String containerId = containerId();
        try {
            return attach(sandbox, uid, containerId);
        } catch (LabException e) {
            sandbox.prober().close();
            sandbox.process().kill();
            detach(node(spec.node()), containerId);
            Tool.run("ip", "netns", "del", sandbox.netns());
            throw e;
        }
    }

    /** Starts a pod's process in its namespace, without an interface yet. */
    public Sandbox sandbox(PodSpec spec) {
        String name = spec.node() + "-" + spec.namespace() + "." + spec.name();
        fabric.addNetns(name);
        List<String> ports = spec.ports().stream()
                .map(port -> port.transport().name().toLowerCase(Locale.ROOT) + ":" + port.number())
                .toList();
        Path cgroup = cgroup(spec.node(), "pods", spec.namespace() + "." + spec.name());
        Daemon process = Daemon.prepare(proberSpec(name, name, cgroup, spec.namespace() + "/" + spec.name(), ports));
        process.start();
        return new Sandbox(spec, fabric.netns(name), process, awaitProber(name, process));
    }

    /**
     * Attaches it as a workload that exists.
     *
     * @throws LabException when the agent refuses, or does not answer; the sandbox stays until the lab ends
     */
    public Pod attach(Sandbox sandbox, String uid) {
        return attach(sandbox, uid, containerId());
    }

    private Pod attach(Sandbox sandbox, String uid, String containerId) {
        PodSpec spec = sandbox.spec();
        ObjectNode endpoint = JSON.createObjectNode()
                .put("uid", uid)
                .put("containerId", containerId)
                .put("netns", "/run/netns/" + sandbox.netns())
                .put("interface", "eth0");
        JsonNode attached = node(spec.node())
                .api()
                .post("/v1/endpoints", endpoint.toString())
                .orThrow()
                .json();
        List<String> addresses = new ArrayList<>();
        attached.path("addresses")
                .forEach(address -> addresses.add(address.asText().split("/", 2)[0]));
        var attachment = new Pod.Attachment(
                uid, containerId, sandbox.netns(), attached.path("identity").asInt(), List.copyOf(addresses));
        routeFromOutside(spec.node(), addresses);
        Pod pod = new Pod(spec, attachment, sandbox.process(), sandbox.prober());
        pods.put(pod.toString(), pod);
        return pod;
    }

    private static String containerId() {
        return UUID.randomUUID().toString().replace("-", "");
    }

    private static void detach(Node node, String containerId) {
        long deadline = System.nanoTime() + DETACH_PATIENCE.toNanos();
        while (true) {
            try {
                node.api().delete("/v1/endpoints/" + containerId).orThrow();
                return;
            } catch (LabException e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
                Journal.pause();
            }
        }
    }

    /** As a fabric that learns routes from nodes would. */
    private void routeFromOutside(String node, List<String> addresses) {
        List<String> commands = new ArrayList<>();
        for (String address : addresses) {
            boolean six = address.indexOf(':') >= 0;
            commands.add("route replace " + address + (six ? "/128" : "/32") + " via "
                    + (six ? node(node).ipv6() : node(node).ipv4()));
        }
        fabric.ip("out", commands.toArray(String[]::new));
    }

    private Prober prober(String name, String netns, @Nullable Path cgroup, List<String> ports) {
        Daemon process = Daemon.prepare(proberSpec("prober-" + name, netns, cgroup, name, ports));
        process.start();
        return awaitProber("prober-" + name, process);
    }

    private Daemon.Spec proberSpec(
            String name, String netns, @Nullable Path cgroup, String saysItIs, List<String> ports) {
        List<String> command = new ArrayList<>(List.of(
                config.python(),
                "-I",
                directory.resolve("prober.py").toString(),
                proberSocket(name).toString(),
                saysItIs));
        command.addAll(ports);
        return spec(name, netns, cgroup, Map.of(), command);
    }

    private Path proberSocket(String name) {
        return directory.resolve("sockets").resolve(name);
    }

    private Prober awaitProber(String name, Daemon process) {
        long deadline = System.nanoTime() + 30_000_000_000L;
        while (System.nanoTime() < deadline && process.isAlive()) {
            try {
                return Prober.connect(proberSocket(name));
            } catch (IOException _) {
                Journal.pause();
            }
        }
        throw new LabException("the prober of " + name + " does not answer:\n" + process.lastWords());
    }

    private Daemon daemon(
            String name, String netns, @Nullable Path cgroup, Map<String, String> environment, List<String> command) {
        Daemon daemon = Daemon.prepare(spec(name, netns, cgroup, environment, command));
        daemon.start();
        return daemon;
    }

    private Daemon.Spec spec(
            String name, String netns, @Nullable Path cgroup, Map<String, String> environment, List<String> command) {
        return new Daemon.Spec(
                name,
                fabric.netns(netns),
                cgroup,
                journal.processes().resolve(name),
                directory.resolve("log").resolve(name + ".log"),
                environment,
                command);
    }

    /** A cgroup (version 2) of a node, so that cgroup BPF programs see one node's sockets; null where there is no such hierarchy. */
    private @Nullable Path cgroup(String node, String... below) {
        Path root = Cgroups.ROOT;
        if (root == null) {
            return null;
        }
        Path path = root;
        List<String> parts = new ArrayList<>(List.of("pilus-" + config.name(), node));
        parts.addAll(List.of(below));
        for (String part : parts) {
            path = path.resolve(part);
            synchronized (journal) {
                if (!Files.isDirectory(path)) {
                    journal.will(Journal.Kind.CGROUP, path.toString());
                    try {
                        Files.createDirectory(path);
                    } catch (IOException e) {
                        throw new LabException("could not make the cgroup " + path, e);
                    }
                }
            }
        }
        return path;
    }

    private List<String> java(String heap) {
        List<String> command = new ArrayList<>(List.of(
                javaProgram(),
                heap,
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow"));
        if (!config.production()) {
            command.add("-XX:TieredStopAtLevel=1");
        }
        return command;
    }

    private static String javaProgram() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    private void unpack(String resource) {
        try (InputStream content = Lab.class.getResourceAsStream(resource)) {
            Files.createDirectories(directory.resolve("log"));
            Files.createDirectories(directory.resolve("sockets"));
            Files.createDirectories(directory.resolve("clocks"));
            Files.copy(
                    Optional.ofNullable(content).orElseThrow(),
                    directory.resolve(resource),
                    StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new LabException("could not write " + directory.resolve(resource), e);
        }
    }

    private synchronized void writeState() {
        List<LabState.NodeState> nodeStates = nodes.values().stream()
                .map(node -> new LabState.NodeState(
                        node.name(),
                        node.netns(),
                        node.addresses(),
                        node.socket().toString(),
                        node.managementUri()))
                .toList();
        List<LabState.PodState> podStates = pods.values().stream()
                .map(pod -> new LabState.PodState(
                        pod.namespace(),
                        pod.name(),
                        pod.node(),
                        pod.netns(),
                        pod.identity(),
                        pod.addresses(),
                        proberSocket(pod.process().name()).toString()))
                .toList();
        new LabState(
                        config.name(),
                        config.routing().setting(),
                        etcdUri(),
                        restUri(Service.IDENTITY),
                        restUri(Service.POLICY),
                        restUri(Service.IPAM),
                        nodeStates,
                        podStates)
                .write(directory);
    }

    private List<Prober> probers() {
        List<Prober> all = new ArrayList<>();
        pods.values().forEach(pod -> all.add(pod.prober()));
        nodes.values().forEach(node -> all.add(node.prober()));
        Optional.ofNullable(outside).ifPresent(all::add);
        return all;
    }

    private static <T, R> List<R> inParallel(Collection<T> items, Work<T, R> work) {
        try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<R>> futures = new ArrayList<>();
            for (T item : items) {
                futures.add(executor.submit(() -> work.on(item)));
            }
            List<R> results = new ArrayList<>();
            for (Future<R> future : futures) {
                results.add(future.get());
            }
            return results;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new LabException("could not start the lab", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LabException("interrupted", e);
        }
    }

    /** One process at a time works on a lab; the file is beside the lab's directory, which comes and goes. */
    private static FileChannel lock(String name) {
        try {
            Files.createDirectories(LabState.LABS);
            FileChannel channel = FileChannel.open(
                    LabState.LABS.resolve(name + ".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (locked(channel)) {
                return channel;
            }
            channel.close();
            throw new LabException("lab '" + name + "' is in use; wait for who uses it, or choose another name");
        } catch (IOException e) {
            throw new LabException("could not lock lab '" + name + "'; are you root?", e);
        }
    }

    private static boolean locked(FileChannel channel) throws IOException {
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException _) {
            return false; // held by this very process
        }
    }

    /** A step that may throw. */
    @FunctionalInterface
    private interface Work<T, R> {
        R on(T item) throws Exception;
    }
}

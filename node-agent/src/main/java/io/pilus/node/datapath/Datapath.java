package io.pilus.node.datapath;

import com.google.protobuf.ByteString;
import io.pilus.contract.v1.Prefix;
import io.pilus.libbpf.BpfException;
import io.pilus.libbpf.BpfFileSystem;
import io.pilus.libbpf.BpfLink;
import io.pilus.libbpf.BpfMap;
import io.pilus.libbpf.BpfObject;
import io.pilus.libbpf.BpfProgram;
import io.pilus.libbpf.RingBuffer;
import io.pilus.netlink.MacAddress;
import io.pilus.netlink.Netlink;
import io.pilus.netlink.NetworkNamespace;
import io.pilus.netlink.Route;
import io.pilus.netlink.Subnet;
import io.pilus.node.NodeConfig;
import io.pilus.node.NodeConfig.NextHop;
import io.pilus.node.NodeConfig.Routing;
import io.quarkus.logging.Log;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jnr.constants.platform.Errno;
import org.jspecify.annotations.Nullable;

/**
 * The BPF programs and maps of this node, and the devices that they sit at. Everything is pinned, so that the kernel goes on without the
 * agent; opening it again takes over what is there and puts new programs in the place of the old ones, between two packets.
 *
 * <p>Safe for several threads.
 */
public final class Datapath {

    private static final String MAPS = "maps";

    private static final String LINKS = "links";
    private static final String POD_LINK = "pod-";
    private static final int HOST_IDENTITY = 1;
    private static final int PER_CPU_ALIGNMENT = 8;

    private final NodeConfig config;
    private final NetworkNamespace namespace;
    private final Netlink netlink;
    private final Devices devices;
    private final Path mapPins;
    private final Path linkPins;
    private final Map<String, BpfMap> maps = new ConcurrentHashMap<>();

    /** Shared while a pod is attached, exclusive while programs are replaced: so a pod never gets one that is being unloaded. */
    private final ReadWriteLock programs = new ReentrantReadWriteLock();

    private Set<Subnet> pools = Set.of();
    private boolean poolsKnown;
    private volatile @Nullable Loaded loaded;

    /** The programs in force. */
    private record Loaded(BpfObject object, DatapathConfig config, Devices.Found devices) {}

    private Datapath(NodeConfig config, NetworkNamespace namespace) {
        this.config = config;
        this.namespace = namespace;
        this.netlink = namespace.netlink();
        this.devices = new Devices(config, namespace, netlink);
        this.mapPins = config.bpffs().resolve(MAPS);
        this.linkPins = config.bpffs().resolve(LINKS);
    }

    /**
     * Brings the node's devices, programs and maps into being, or takes over those that are there.
     *
     * @param namespace the node's; stays open as long as this
     * @throws IllegalStateException saying what of the node is not as it must be
     * @throws BpfException when the kernel refuses a program or a map
     */
    public static Datapath open(NodeConfig config, NetworkNamespace namespace) {
        var datapath = new Datapath(config, namespace);
        BpfFileSystem.ensure(config.bpffs());
        try {
            Files.createDirectories(datapath.mapPins);
            Files.createDirectories(datapath.linkPins);
        } catch (IOException e) {
            throw new UncheckedIOException("the directory for BPF pins, " + config.bpffs() + ", cannot be used", e);
        }
        datapath.converge();
        return datapath;
    }

    /** Puts right whatever changed beside us: devices, the uplink's addresses and MTU, routes, detached programs. */
    public synchronized void converge() {
        Devices.Found found = devices.ensure();
        programs.writeLock().lock();
        try {
            load(found);
        } finally {
            programs.writeLock().unlock();
        }
        route();
    }

    /** Has the node send what is for these prefixes to the datapath, and only these. To be told whenever pools change. */
    public synchronized void pools(Collection<Prefix> ranges) {
        pools = ranges.stream().map(Datapath::subnet).collect(Collectors.toUnmodifiableSet());
        poolsKnown = true;
        route();
    }

    /** The node's own addresses, of 4 or 16 bytes. */
    public List<ByteString> addresses() {
        return current().devices().addresses();
    }

    /** Of the interfaces of pods. */
    public int podMtu() {
        return current().devices().podMtu();
    }

    /** The link address that pods see of their gateway. */
    public MacAddress gateway() {
        return Devices.GATEWAY;
    }

    /** The node's. */
    public NetworkNamespace namespace() {
        return namespace;
    }

    public TypedMap<Integer, Endpoint> endpoints() {
        return new TypedMap<>(map("endpoints_v1"), Layout.NUMBER, Endpoint.LAYOUT);
    }

    public TypedMap<ByteString, Destination> destinations() {
        return new TypedMap<>(map("destinations_v1"), Destination.KEY, Destination.LAYOUT);
    }

    public TypedMap<Prefix, Range> ranges() {
        return new TypedMap<>(map("ranges_v1"), Range.KEY, Range.LAYOUT);
    }

    /** The table that new connections go to. */
    public TypedMap<Connection.Key, Connection> connections() {
        return connections(0)
                .orElseThrow(() -> new IllegalStateException("the datapath has no connection table in use"));
    }

    /** The table that is being drained since its successor is in use. */
    public Optional<TypedMap<Connection.Key, Connection>> drainingConnections() {
        return connections(1);
    }

    /** Where connections go that found the table full, or their endpoint's budget used up. */
    public TypedMap<Connection.Key, Connection> overflowingConnections() {
        return new TypedMap<>(map("ct_overflow_v1"), Connection.Key.LAYOUT, Connection.LAYOUT);
    }

    /** How many connections have found no place in the table since the maps were made. */
    public long overflowedConnections(Overflow why) {
        return count("ct_overflowed_v2", why.number());
    }

    /** What each endpoint has in the table, by its number. */
    public TypedMap<Integer, HeldConnections> heldConnections() {
        return new TypedMap<>(map("connections_held_v1"), Layout.NUMBER, HeldConnections.LAYOUT);
    }

    /** How many events have waited for the agent's next look since the maps were made. */
    public long delayedEvents(EventDelay why) {
        return count("events_lost_v1", why.number());
    }

    /** Every count since the maps were made, of all CPUs together. */
    public Map<Counter.Key, Counter> counters() {
        Map<Counter.Key, Counter> counters = new HashMap<>();
        for (BpfMap.Entry entry : map("verdicts_v1").entries()) {
            counters.put(Counter.Key.LAYOUT.decode(entry.key()), sum(entry));
        }
        for (BpfMap.Entry entry : map("verdicts_rest_v1").entries()) {
            Counter rest = sum(entry);
            if (rest.packets() > 0) {
                counters.merge(Counter.Key.ofRest(Layout.NUMBER.decode(entry.key())), rest, Counter::plus);
            }
        }
        return counters;
    }

    /** Of all CPUs. */
    private static Counter sum(BpfMap.Entry perCpu) {
        int step = (Counter.LAYOUT.size() + PER_CPU_ALIGNMENT - 1) / PER_CPU_ALIGNMENT * PER_CPU_ALIGNMENT;
        Counter sum = new Counter(0, 0);
        for (int at = 0; at < perCpu.value().length; at += step) {
            sum = sum.plus(Counter.LAYOUT.decode(perCpu.value(), at));
        }
        return sum;
    }

    /** Reads events; to be polled by one thread. */
    public RingBuffer events(Consumer<Event> consumer) {
        return new RingBuffer(map("events_v1"), bytes -> consumer.accept(Event.LAYOUT.decode(bytes)));
    }

    /** What events are still owed for. */
    public TypedMap<EventGate.Key, EventGate> eventGates() {
        return new TypedMap<>(map("event_gates_v2"), EventGate.Key.LAYOUT, EventGate.LAYOUT);
    }

    /** A map by its name in {@code pilus/abi.h}, which stays open as long as this. */
    public BpfMap map(String name) {
        return maps.computeIfAbsent(name, _ -> BpfMap.pinned(mapPins.resolve(name)));
    }

    /**
     * Has what a pod sends judged. Waits for the kernel, some 10 ms; until then, everything that the pod sends goes nowhere, as its
     * interface is down.
     *
     * @param hostInterface the node's end of the pod's interface
     */
    public void attachPod(String hostInterface, int ifindex) {
        programs.readLock().lock();
        try {
            attach(POD_LINK + hostInterface, current().object().program("from_pod"), ifindex);
        } finally {
            programs.readLock().unlock();
        }
    }

    /** Without effect when it is not attached. */
    public void detachPod(String hostInterface) {
        detach(POD_LINK + hostInterface);
    }

    /** The host interfaces of pods that have a program attached. */
    public Set<String> attachedPods() {
        try (Stream<Path> pins = Files.list(linkPins)) {
            return pins.map(pin -> String.valueOf(pin.getFileName()))
                    .filter(name -> name.startsWith(POD_LINK))
                    .map(name -> name.substring(POD_LINK.length()))
                    .collect(Collectors.toUnmodifiableSet());
        } catch (IOException e) {
            throw new UncheckedIOException("list the links in " + linkPins, e);
        }
    }

    private Optional<TypedMap<Connection.Key, Connection>> connections(int slot) {
        return map("ct_v1")
                .lookup(Layout.NUMBER.encode(slot))
                .map(Layout.NUMBER::decode)
                .map(id -> new TypedMap<>(
                        maps.computeIfAbsent("connections " + id, _ -> BpfMap.byId(id)),
                        Connection.Key.LAYOUT,
                        Connection.LAYOUT));
    }

    private long count(String map, int index) {
        return map(map).lookup(Layout.NUMBER.encode(index))
                .map(Layout.COUNT::decode)
                .orElse(0L);
    }

    private Loaded current() {
        Loaded now = loaded;
        if (now == null) {
            throw new IllegalStateException("the datapath is not loaded yet");
        }
        return now;
    }

    private DatapathConfig settings(Devices.Found found) {
        int flags = 0;
        if (config.routing() == Routing.NATIVE) {
            flags |= DatapathConfig.NATIVE;
            flags |= config.nextHop() == NextHop.NODE ? DatapathConfig.DIRECT : 0;
        }
        return new DatapathConfig(
                found.net().index(),
                found.overlay(),
                found.uplink().index(),
                flags,
                Devices.GATEWAY,
                found.overlayMac(),
                found.podMtu(),
                found.uplink().mtu(),
                found.first(4),
                found.first(16),
                Devices.TUNNEL_PORT,
                config.connectionRate(),
                config.eventRate(),
                config.connectionShare());
    }

    /** Has the programs attached with the settings that follow from the devices. */
    private void load(Devices.Found found) {
        DatapathConfig wanted = settings(found);
        Loaded before = loaded;
        boolean same = before != null && before.config().equals(wanted);
        Loaded now = new Loaded(before != null && same ? before.object() : load(wanted), wanted, found);
        loaded = now;
        if (before == null || !before.devices().addresses().equals(found.addresses())) {
            ownAddresses(found.addresses());
        }
        if (!same) {
            replacePods(now.object().program("from_pod"));
        }
        attach("from_host", now.object().program("from_host"), found.net().index());
        attach(
                "from_netdev",
                now.object().program("from_netdev"),
                found.uplink().index());
        if (found.overlay() != 0) {
            attach("from_overlay", now.object().program("from_overlay"), found.overlay());
        } else {
            detach("from_overlay");
        }
        if (before != null && !same) {
            before.object().close();
        }
    }

    /** Loads the programs over the maps that are pinned, and pins those that are new. */
    private BpfObject load(DatapathConfig settings) {
        BpfObject object = BpfObject.open("pilus.bpf.o", compiled());
        try {
            object.readOnlyData(DatapathConfig.LAYOUT.encode(settings));
            for (String name : object.mapNames()) {
                if (Files.exists(mapPins.resolve(name))) {
                    object.reuse(map(name), name);
                }
            }
            object.load();
            for (String name : object.mapNames()) {
                Path pin = mapPins.resolve(name);
                if (!Files.exists(pin)) {
                    object.map(name).pin(pin);
                }
            }
            return object;
        } catch (RuntimeException e) {
            object.close();
            throw e;
        }
    }

    private static byte[] compiled() {
        try (InputStream object = Datapath.class.getResourceAsStream("/pilus/bpf/pilus.bpf.o")) {
            if (object == null) {
                throw new IllegalStateException(
                        "the agent was built without its datapath: no resource pilus/bpf/pilus.bpf.o");
            }
            return object.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException("read the datapath from the agent's own jar", e);
        }
    }

    /** Puts a program where the link is, or makes the link. */
    private void attach(String linkName, BpfProgram program, int ifindex) {
        Path pin = linkPins.resolve(linkName);
        if (Files.exists(pin)) {
            try (BpfLink link = BpfLink.pinned(pin)) {
                BpfLink.Attachment attached = link.info();
                if (attached.ifindex() == ifindex) {
                    if (attached.programId() != program.id()) {
                        link.update(program);
                    }
                    return;
                }
            }
            detach(linkName);
        }
        BpfLink made = namespace.call(() -> BpfLink.attach(program, ifindex, BpfLink.Hook.INGRESS));
        try (made) {
            made.pin(pin);
        }
    }

    private void detach(String linkName) {
        try {
            Files.deleteIfExists(linkPins.resolve(linkName));
        } catch (IOException e) {
            throw new UncheckedIOException("detach " + linkName, e);
        }
    }

    /** Every pod gets the new program; links of interfaces that are gone go as well. */
    private void replacePods(BpfProgram program) {
        for (String pod : attachedPods()) {
            try (BpfLink link = BpfLink.pinned(linkPins.resolve(POD_LINK + pod))) {
                if (link.info().ifindex() == 0) {
                    detachPod(pod);
                } else {
                    link.update(program);
                }
            } catch (BpfException e) {
                if (e.errno() != Errno.ENOLINK.intValue() && e.errno() != Errno.ENOENT.intValue()) {
                    throw e;
                }
                detachPod(pod);
            }
        }
    }

    private void ownAddresses(List<ByteString> addresses) {
        TypedMap<ByteString, Destination> destinations = destinations();
        Destination own = Destination.thisNode(HOST_IDENTITY);
        for (ByteString address : addresses) {
            destinations.put(address, own);
        }
        destinations.entries().forEach((address, destination) -> {
            if (destination.flags() == Destination.THIS_NODE && !addresses.contains(address)) {
                destinations.remove(address);
            }
        });
    }

    /** Only routes of our own device are touched; before the pools are known, those of the last life stay. */
    private void route() {
        if (!poolsKnown) {
            return;
        }
        Devices.Found found = current().devices();
        int device = found.host().index();
        Set<Route> wanted = pools.stream()
                .flatMap(
                        pool -> source(found, pool)
                                .map(source -> Route.link(pool, device).withSource(source))
                                .stream())
                .collect(Collectors.toSet());
        List<Route> there = netlink.routes().stream()
                .filter(route -> route.ifindex() == device)
                .filter(route -> !route.destination().address().isLinkLocalAddress()
                        && !route.destination().address().isMulticastAddress())
                .toList();
        for (Route route : wanted) {
            if (!there.contains(route)) {
                netlink.putRoute(route);
                Log.debugf("added route %s by %s", route, Devices.HOST);
            }
        }
        Set<Subnet> destinations = wanted.stream().map(Route::destination).collect(Collectors.toSet());
        there.stream()
                .filter(route -> !destinations.contains(route.destination()))
                .forEach(netlink::deleteRoute);
    }

    private static Optional<InetAddress> source(Devices.Found found, Subnet pool) {
        ByteString own = found.first(pool.isIpv6() ? 16 : 4);
        return own.isEmpty() ? Optional.empty() : Optional.of(inet(own));
    }

    private static Subnet subnet(Prefix prefix) {
        return new Subnet(inet(prefix.getAddress()), prefix.getLength());
    }

    private static InetAddress inet(ByteString address) {
        try {
            return InetAddress.getByAddress(address.toByteArray());
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("an address has 4 or 16 bytes, not " + address.size(), e);
        }
    }
}

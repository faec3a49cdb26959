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
import java.util.ArrayList;
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

    /** The array of the tables of connections: in use, and being drained. */
    private static final String CONNECTIONS = "ct";

    /** The table in use, so that programs can be loaded over it. The array has the say. */
    private static final String CONNECTIONS_IN_USE = "ct_current";

    /** What only the agent writes, and so can grow by a larger copy (docs/decisions/0008). */
    private static final Set<String> COPIED = Set.of(
            "endpoints",
            "destinations",
            "ranges",
            "tables",
            "peer_classes",
            "address_classes",
            "port_classes",
            "cells");

    private static final int FACTOR = 4;

    private static final int IN_USE = 0;
    private static final int DRAINING = 1;
    private static final String POD_LINK = "pod-";
    private static final int HOST_IDENTITY = 1;
    private static final int PER_CPU_ALIGNMENT = 8;

    private final NodeConfig config;
    private final NetworkNamespace namespace;
    private final Netlink netlink;
    private final Devices devices;
    private final byte[] elf;
    private final MapPins pins;
    private final Path mapPins;
    private final Path linkPins;
    private final Map<String, BpfMap> maps = new ConcurrentHashMap<>();

    /** Shared while a pod is attached, exclusive while programs are replaced: so a pod never gets one that is being unloaded. */
    private final ReadWriteLock programs = new ReentrantReadWriteLock();

    private Set<Subnet> pools = Set.of();
    private boolean poolsKnown;
    private volatile @Nullable Loaded loaded;

    /** False when attaching the loaded programs has failed on the way: some packets still meet those before. */
    private boolean allAttached;

    /** The programs in force. */
    private record Loaded(BpfObject object, DatapathConfig config, Devices.Found devices) {}

    private Datapath(NodeConfig config, NetworkNamespace namespace, byte[] elf) {
        this.elf = elf;
        this.config = config;
        this.namespace = namespace;
        this.netlink = namespace.netlink();
        this.devices = new Devices(config, namespace, netlink);
        this.mapPins = config.bpffs().resolve(MAPS);
        this.pins = new MapPins(mapPins, elf);
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
        return open(config, namespace, compiled());
    }

    /** @param elf the programs and maps of this or a neighbouring version */
    static Datapath open(NodeConfig config, NetworkNamespace namespace, byte[] elf) {
        var datapath = new Datapath(config, namespace, elf);
        BpfFileSystem.ensure(config.bpffs());
        try {
            Files.createDirectories(datapath.mapPins);
            Files.createDirectories(datapath.linkPins);
        } catch (IOException e) {
            throw new UncheckedIOException("the directory for BPF pins, " + config.bpffs() + ", cannot be used", e);
        }
        datapath.pins.clean();
        datapath.finishGrowth();
        datapath.converge();
        datapath.pins.tidy(datapath.current().object());
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
        return typed(connectionsInUse());
    }

    /** The table that is being drained since its successor is in use. */
    public Optional<TypedMap<Connection.Key, Connection>> drainingConnections() {
        return connectionTable(DRAINING).map(Datapath::typed);
    }

    /**
     * Has new connections go to a larger table from now on; the one in use until now is to be drained. Waits for the kernel, some
     * 50 ms: afterwards no packet makes an entry in the old one.
     *
     * @throws IllegalStateException while another is being drained
     */
    public synchronized void growConnections(int entries) {
        if (connectionTable(DRAINING).isPresent()) {
            throw new IllegalStateException("the last table of connections is not drained yet");
        }
        BpfMap before = connectionsInUse();
        BpfMap larger = before.emptyCopy(entries);
        BpfMap tables = map(pins.named(CONNECTIONS));
        try {
            // in this order: at no moment is an entry out of sight
            tables.update(Layout.NUMBER.encode(DRAINING), Layout.NUMBER.encode(before.descriptor()));
            tables.update(Layout.NUMBER.encode(IN_USE), Layout.NUMBER.encode(larger.descriptor()));
        } catch (BpfException e) {
            larger.close();
            drained();
            throw e;
        }
        maps.put(connectionsName(larger.id()), larger);
        pinConnectionsInUse();
    }

    /** The table that was being drained has nothing left that is not elsewhere: its memory is given back. */
    public synchronized void drained() {
        connectionTable(DRAINING).ifPresent(table -> {
            map(pins.named(CONNECTIONS)).delete(Layout.NUMBER.encode(DRAINING));
            if (table.id() != connectionsInUse().id()) {
                maps.remove(connectionsName(table.id()));
                table.close();
            }
        });
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
        return maps.computeIfAbsent(name, _ -> {
            BpfMap map = BpfMap.pinned(pins.path(name), name);
            if (MapPins.base(name).filter(COPIED::contains).isPresent()) {
                map.whenFull(this::grow);
            }
            return map;
        });
    }

    /**
     * A larger copy takes a map's place. Until all programs read the copy, and it is the one that is pinned, nobody writes: so
     * an agent that dies on the way leaves programs that read two maps which say the same, and the next one goes back to the
     * first.
     */
    private synchronized boolean grow(BpfMap full, int entries) {
        if (full.maxEntries() > entries) {
            return true; // for another thread
        }
        int larger = (int) Math.min(config.maxMapEntries(), (long) entries * FACTOR);
        if (larger <= entries) {
            return false;
        }
        programs.writeLock().lock();
        try {
            full.replace(() -> largerCopy(full, larger));
            Log.infof("the map %s grew from %d to %d entries", full.name(), entries, larger);
            return true;
        } catch (BpfException e) {
            Log.errorf(
                    "the map %s is full with %d entries and could not grow: %s", full.name(), entries, e.getMessage());
            return false;
        } finally {
            programs.writeLock().unlock();
        }
    }

    private BpfMap largerCopy(BpfMap full, int entries) {
        BpfMap copy = full.emptyCopy(entries);
        try {
            full.forEachBatch(copy::updateAll);
            Loaded before = current();
            var now = new Loaded(load(before.config(), Map.of(full.name(), copy)), before.config(), before.devices());
            try {
                attach(now);
                pins.replace(full.name(), copy);
            } catch (RuntimeException e) {
                allAttached = false;
                load(before.devices()); // over what is pinned
                now.object().close();
                throw e;
            }
            loaded = now;
            before.object().close();
            return copy;
        } catch (RuntimeException e) {
            copy.close();
            throw e;
        }
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

    private static TypedMap<Connection.Key, Connection> typed(BpfMap connections) {
        return new TypedMap<>(connections, Connection.Key.LAYOUT, Connection.LAYOUT);
    }

    private BpfMap connectionsInUse() {
        return connectionTable(IN_USE)
                .orElseThrow(() -> new IllegalStateException("the datapath has no connection table in use"));
    }

    private Optional<BpfMap> connectionTable(int slot) {
        return map(pins.named(CONNECTIONS))
                .lookup(Layout.NUMBER.encode(slot))
                .map(Layout.NUMBER::decode)
                .map(id -> maps.computeIfAbsent(connectionsName(id), _ -> BpfMap.byId(id)));
    }

    private static String connectionsName(int id) {
        return "connections " + id;
    }

    /** What an agent that ended in the middle of a growth has left is put right: the array says which table is in use. */
    private void finishGrowth() {
        if (!Files.exists(pins.path(pins.named(CONNECTIONS)))) {
            return;
        }
        if (connectionTable(DRAINING)
                .map(BpfMap::id)
                .equals(Optional.of(connectionsInUse().id()))) {
            drained(); // the larger one was not in place yet
        }
        pinConnectionsInUse();
    }

    private void pinConnectionsInUse() {
        BpfMap inUse = connectionsInUse();
        String name = pins.named(CONNECTIONS_IN_USE);
        Path pin = pins.path(name);
        if (Files.exists(pin)) {
            try (BpfMap pinned = BpfMap.pinned(pin)) {
                if (pinned.id() == inUse.id()) {
                    return;
                }
            }
        }
        pins.replace(name, inUse);
        BpfMap stale = maps.remove(name);
        if (stale != null) {
            stale.close();
        }
        Loaded now = loaded;
        if (now != null) {
            now.object().reuse(inUse, name); // else it would hold the drained one's memory
        }
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
        boolean same = before != null && allAttached && before.config().equals(wanted);
        Loaded now = new Loaded(before != null && same ? before.object() : load(wanted, Map.of()), wanted, found);
        loaded = now;
        if (before == null || !before.devices().addresses().equals(found.addresses())) {
            ownAddresses(found.addresses()); // may grow their map, which loads again
        }
        if (same) {
            attachToDevices(current());
        } else {
            attach(current());
        }
        if (before != null && !same) {
            before.object().close();
        }
    }

    /** Puts these programs in the place of all others. */
    private void attach(Loaded programs) {
        allAttached = false;
        replacePods(programs.object().program("from_pod"));
        attachToDevices(programs);
        allAttached = true;
    }

    private void attachToDevices(Loaded programs) {
        Devices.Found found = programs.devices();
        BpfObject object = programs.object();
        attach("from_host", object.program("from_host"), found.net().index());
        attach("from_netdev", object.program("from_netdev"), found.uplink().index());
        if (found.overlay() != 0) {
            attach("from_overlay", object.program("from_overlay"), found.overlay());
        } else {
            detach("from_overlay");
        }
    }

    /**
     * Loads the programs over the maps that are pinned, and pins those that are new.
     *
     * @param instead by the name of what is pinned
     */
    private BpfObject load(DatapathConfig settings, Map<String, BpfMap> instead) {
        BpfObject object = BpfObject.open("pilus.bpf.o", elf);
        try {
            object.readOnlyData(DatapathConfig.LAYOUT.encode(settings));
            object.maxEntries(pins.named(CONNECTIONS_IN_USE), config.initialConnections());
            List<String> fresh = new ArrayList<>();
            for (String name : pins.names()) {
                if (Files.exists(pins.path(name))) {
                    object.reuse(instead.getOrDefault(name, map(name)), name);
                } else {
                    fresh.add(name);
                    pins.entriesOfNeighbour(name).ifPresent(entries -> object.maxEntries(name, entries));
                }
            }
            object.load();
            fresh.forEach(name -> pins.add(object.map(name)));
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

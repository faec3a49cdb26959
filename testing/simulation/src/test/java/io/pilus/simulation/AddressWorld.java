package io.pilus.simulation;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.etcd.jetcd.ByteSequence;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.Leader;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.Pool;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.identity.alarm.Alarms;
import io.pilus.identity.endpoint.EndpointPublisher;
import io.pilus.identity.endpoint.Publishers;
import io.pilus.identity.view.ClusterView;
import io.pilus.ipam.block.Granting;
import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.messaging.etcd.EtcdChange.Event;
import io.pilus.node.ipam.Books;
import io.pilus.node.ipam.LeaseBook;
import io.pilus.node.ipam.LeaseOutcome;
import io.pilus.node.ipam.Withdrawals;
import io.pilus.node.report.Reports;
import io.pilus.node.state.Entry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A cluster of the real ipam-service in two replicas, of the real publisher of endpoints, and of nodes that keep the real lease book on
 * a real disk, over a simulated store. Every address is compared at every kernel and in the store as soon as it is given.
 */
final class AddressWorld extends World {

    private static final int IDENTITY = 300;
    private static final String POOL = "default";
    static final Duration COOL_DOWN = Duration.ofMinutes(1);
    private static final Duration IDLE = Duration.ofMinutes(5);
    private static final Duration REST = Duration.ofMinutes(10);
    private static final Key<Leader> PUBLISHING = Keys.leader("identity-service");

    private final Path disk;
    private final Observations<String> addresses = new Observations<>("address");

    private final List<Replica> replicas = new ArrayList<>();
    private final Map<String, Agent> agents = new LinkedHashMap<>();
    private final Life api;
    private Publisher publisher;
    private final Term publishing;
    private int lastPod;

    /** What the store says. */
    private final Map<String, String> blockOwner = new TreeMap<>();

    /** When a block came back, or an address was released, last. */
    private final Map<String, Instant> restingSince = new HashMap<>();

    private final Map<ByteString, Instant> releasedAt = new HashMap<>();

    private final Map<String, List<String>> published = new TreeMap<>();

    /**
     * @param disk a directory of this world's own
     */
    AddressWorld(long seed, Path disk, @Nullable List<String> journal) {
        super(seed, Keys.leader("ipam-service"), journal);
        this.disk = disk;
        this.api = new Life(etcd, random, calm);
        var range = Prefixes.parse("10.0.0.0/28");
        var setUp = api.store
                .transaction()
                .put(PUBLISHING, Leader.getDefaultInstance())
                .put(
                        Keys.pool(POOL),
                        Pool.newBuilder()
                                .setName(POOL)
                                .addRanges(range)
                                .setBlockLengthIpv4(30)
                                .setBlockLengthIpv6(122)
                                .build())
                .put(
                        Keys.clusterPool(POOL),
                        PoolRanges.newBuilder().setName(POOL).addRanges(range).build());
        NODES.forEach(node ->
                setUp.put(Keys.intentNode(node), Node.newBuilder().setName(node).build()));
        this.publishing = new Term(setUp.commit().revision(), PUBLISHING);
        for (int i = 0; i < REPLICAS; i++) {
            replicas.add(new Replica("ipam-" + i));
        }
        this.publisher = new Publisher();
        NODES.forEach(node -> agents.put(node, new Agent(node)));
    }

    // ---- a run

    @Override
    Candidate first() {
        return replicas.getFirst();
    }

    /** A leader, and a block for each node. */
    void begin() {
        elect(replicas.getFirst());
        finish();
        settle();
    }

    Agent agent(String node) {
        return requireNonNull(agents.get(node));
    }

    /** What nodes have said is published. */
    void publishAll() {
        publisher.see(Integer.MAX_VALUE);
        publish();
        finish();
    }

    /** Everybody is well, every pod goes and time passes: no address is held; then every node goes, and with it every block. */
    void rest() {
        calm[0] = true;
        agents.values().forEach(agent -> agent.life.cut = false);
        replicas.forEach(replica -> replica.cut = false);
        publisher.cut = false;
        finish();
        endLease();
        replicas.forEach(replica -> replica.term = Optional.empty());
        elect(replicas.getFirst());
        finish();
        agents.values().forEach(agent -> {
            List.copyOf(agent.kernel.keySet()).forEach(agent::detach);
            etcd.list(Keys.workloadsOf(agent.name).prefix()).forEach(found -> delete(found.key()));
        });
        finish();
        for (int round = 0; round < 30 && !leases().isEmpty(); round++) {
            settle();
            clock.advance(COOL_DOWN);
        }
        if (!leases().isEmpty()) {
            throw new AssertionError("left at rest: " + leases());
        }
        blockOwner.forEach((block, node) -> {
            if (!node.isEmpty()
                    && etcd.list(Keys.node(node) + "blocks/" + block).isEmpty()) {
                throw new AssertionError("block " + block + " is " + node + "'s, which does not have it");
            }
        });
        NODES.forEach(node -> delete(Keys.intentNode(node).path()));
        finish();
        for (int round = 0; round < 6 && !blockOwner.isEmpty(); round++) {
            settle();
            clock.advance(REST);
        }
        settle();
        if (!blockOwner.isEmpty()) {
            throw new AssertionError("blocks without a node are left at rest: " + blockOwner);
        }
        check();
        if (!addresses.isEmpty()) {
            throw new AssertionError("somebody still knows an address at rest");
        }
    }

    /** Everybody sees and does all that there is. */
    void settle() {
        for (int i = 0; i < 2; i++) {
            everybodySees();
            agents.values().forEach(Agent::report);
            finish();
            everybodySees();
            publish();
            replicas.forEach(this::grant);
            finish();
        }
        everybodySees();
        check();
    }

    private List<String> leases() {
        List<String> left = new ArrayList<>();
        etcd.list(Keys.ENDPOINTS.prefix()).forEach(change -> left.add(change.key()));
        agents.values().forEach(agent -> {
            etcd.list(Keys.attachedOf(agent.name).prefix()).forEach(change -> left.add(change.key()));
            try (Stream<Path> files = Files.list(agent.directory)) {
                files.filter(file -> !file.endsWith("blocks")).forEach(file -> left.add(file.toString()));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        return left;
    }

    @Override
    void operate(boolean quiet) {
        if (quiet && random.nextInt(10) < 6) {
            aWhile();
            return;
        }
        Replica replica = replicas.get(random.nextInt(REPLICAS));
        Agent agent = requireNonNull(agents.get(NODES.get(random.nextInt(NODES.size()))));
        switch (random.nextInt(64)) {
            case 0, 1, 2, 3, 4, 5, 6, 7 -> agent.attachNew();
            case 8, 9 -> agent.attachAgain();
            case 10, 11, 12, 13, 14, 15, 16, 17 -> agent.detachAny();
            case 18, 19, 20, 21, 22, 23, 24 -> agent.report();
            case 25, 26, 27, 28 -> agent.seeCluster(1 + random.nextInt(8));
            case 29, 30, 31, 32 -> agent.seeNode(1 + random.nextInt(8));
            case 33, 34, 35 -> everybodySees();
            case 36, 37, 38, 39, 40 -> replicas.forEach(this::grant);
            case 41, 42 -> replica.see(1 + random.nextInt(8), random.nextInt(16));
            case 43, 44, 45, 46 -> publish();
            case 47 -> publisher.see(1 + random.nextInt(8));
            case 48, 49, 50 -> pass(Duration.ofSeconds(20 + random.nextInt(60)));
            case 51 -> pass(IDLE);
            case 52 -> pass(REST);
            case 53 -> {
                log("cut off " + agent.name);
                agent.life.cut = true;
            }
            case 54, 55 -> {
                agent.life.cut = false;
                replica.cut = false;
                publisher.cut = false;
            }
            case 56 -> {
                log("crash " + replica.name);
                replica.kill();
                replicas.set(replicas.indexOf(replica), new Replica(replica.name));
            }
            case 57, 58 -> agent.restart();
            case 59 -> {
                log("cut off " + replica.name);
                replica.cut = true;
            }
            case 60 -> {
                log("restart the publisher");
                publisher.kill();
                publisher = new Publisher();
                publisher.cut = random.nextBoolean();
            }
            case 61 -> compact();
            default -> changeLeader(replica);
        }
    }

    /** Blocks move only where many pods come to one node, and later go. */
    @Override
    void turn(boolean quiet) {
        Agent agent = requireNonNull(agents.get(NODES.get(random.nextInt(NODES.size()))));
        if (quiet) {
            agents.values()
                    .forEach(each -> List.copyOf(each.kernel.keySet()).stream()
                            .filter(_ -> random.nextInt(5) > 0)
                            .forEach(container -> each.remove(container)));
            return;
        }
        agents.values().forEach(each -> each.life.cut &= random.nextBoolean());
        for (int pods = random.nextInt(6); pods > 0; pods--) {
            agent.attachNew();
        }
        everybodySees();
        agent.report();
        replicas.forEach(this::grant);
    }

    /** Everybody gets round to what he does from time to time; what is begun goes on by and by. */
    private void aWhile() {
        everybodySees();
        agents.values().forEach(Agent::report);
        publish();
        replicas.forEach(this::grant);
        for (int steps = random.nextInt(120); steps > 0 && schedule.step(); steps--) {
            check();
        }
        switch (random.nextInt(8)) {
            case 0, 1, 2 -> pass(COOL_DOWN);
            case 3, 4 -> pass(IDLE);
            case 5 -> pass(REST);
            default -> {}
        }
    }

    /** A watch that is not cut off is behind by less than a cool-down. */
    void pass(Duration time) {
        log("time passes: " + time);
        agents.values().forEach(agent -> agent.see(Integer.MAX_VALUE));
        clock.advance(time);
    }

    private void delete(String path) {
        run(
                "delete " + path,
                api,
                () -> api.store
                        .transaction()
                        .delete(new Key<>(path, Workload.parser()))
                        .commit());
    }

    private void grant(Replica replica) {
        Optional<Term> term = replica.term;
        if (replica.working || term.isEmpty()) {
            return;
        }
        replica.working = true;
        run("grant at " + replica.name, replica, () -> {
            try {
                replica.granting.touchAll();
                for (int i = 0; i < 4 && replica.granting.round(term.get()); i++) {}
            } finally {
                replica.working = false;
            }
        });
    }

    private void publish() {
        Publisher now = publisher;
        if (now.working || !now.view.isComplete()) {
            return;
        }
        now.working = true;
        run("publish", now, () -> {
            try {
                for (int i = 0; i < 6; i++) {
                    if (now.publisher.publishSome(Optional.of(publishing)) == EndpointPublisher.Progress.IDLE) {
                        return;
                    }
                }
            } finally {
                now.working = false;
            }
        });
    }

    private void everybodySees() {
        replicas.forEach(replica -> replica.see(Integer.MAX_VALUE, 15));
        publisher.see(Integer.MAX_VALUE);
        agents.values().forEach(agent -> agent.see(Integer.MAX_VALUE));
    }

    // ---- the store as an observer

    @Override
    void observe(List<Change> changes) {
        for (Change change : changes) {
            if (Keys.CLUSTER_BLOCKS.contains(change.key())) {
                owner(change);
            } else if (Keys.ENDPOINTS.contains(change.key())) {
                endpoint(change);
            }
        }
    }

    private void owner(Change change) {
        String block = change.key().substring(Keys.CLUSTER_BLOCKS.prefix().length());
        String before = blockOwner.remove(block);
        if (change.value() == null) {
            return;
        }
        var owner = parse(change.value(), io.pilus.contract.v1.BlockOwner.parser());
        String node = owner.getNode();
        if (before != null && !before.isEmpty() && !node.isEmpty() && !before.equals(node)) {
            throw new AssertionError("block " + block + " went from " + before + " to " + node + " at once");
        }
        if (node.isEmpty() && before != null && !before.isEmpty()) {
            Agent agent = requireNonNull(agents.get(before));
            agent.kernel.forEach((container, attached) -> attached.addresses().forEach(address -> {
                if (Prefixes.contains(parse(block), address)) {
                    throw new AssertionError("block " + block + " was taken from " + before + ", where " + container
                            + " has " + Prefixes.format(address));
                }
            }));
        }
        if (node.isEmpty()) {
            restingSince.put(block, Instant.ofEpochMilli(owner.getRestingSinceEpochMs()));
        } else {
            Instant since = restingSince.remove(block);
            if (since != null && since.plus(REST).isAfter(clock.instant())) {
                throw new AssertionError("block " + block + " was granted again though it rests since " + since);
            }
        }
        blockOwner.put(block, node);
    }

    private static io.pilus.contract.v1.Prefix parse(String block) {
        return Prefixes.parseKeyPart(block.substring(block.indexOf('/') + 1));
    }

    private void endpoint(Change change) {
        String uid = Keys.ENDPOINTS.parts(change.key())[1];
        List<String> before = published.remove(uid);
        if (before != null) {
            before.forEach(address -> addresses.remove(address, uid));
        }
        if (change.value() != null) {
            List<String> now = parse(change.value(), Endpoint.parser()).getAddressesList().stream()
                    .map(Prefixes::format)
                    .toList();
            published.put(uid, now);
            now.forEach(address -> addresses.add(address, uid, "the store"));
        }
    }

    private static <M extends MessageLite> M parse(@Nullable ByteSequence value, Parser<M> parser) {
        return new EtcdChange.Entry("", requireNonNull(value), 0).parse(parser);
    }

    // ---- the parts

    private final class Replica extends Candidate {

        private final Granting granting;
        private boolean working;
        private long poolsSeen;
        private long blocksSeen;
        private long nodesSeen;
        private long demandsSeen;

        private Replica(String name) {
            super(name);
            this.granting =
                    new Granting(store, new EpochStore(etcd.client(this), store, Settings.NONE), REST, 3, clock);
        }

        void see(int most, int channels) {
            if (cut) {
                return;
            }
            if ((channels & 1) != 0) {
                poolsSeen = deliver(poolsSeen, Keys.POOLS.prefix(), most, granting::pools);
            }
            if ((channels & 2) != 0) {
                blocksSeen = deliver(blocksSeen, Keys.CLUSTER_BLOCKS.prefix(), most, granting::blocks);
            }
            if ((channels & 4) != 0) {
                nodesSeen = deliver(nodesSeen, Keys.INTENT_NODES.prefix(), most, granting::nodes);
            }
            if ((channels & 8) != 0) {
                demandsSeen = deliver(demandsSeen, Keys.NODES, most, granting::demands);
            }
        }
    }

    private final class Publisher extends Life {

        private final ClusterView view = new ClusterView(clock);
        private final EndpointPublisher publisher;
        private boolean working;
        private long intentSeen;
        private long nodesSeen;
        private long endpointsSeen;

        private Publisher() {
            super(etcd, random, calm);
            this.publisher = Publishers.publisher(store, view, new Alarms(clock, METERS), METERS);
        }

        void see(int most) {
            if (!cut) {
                intentSeen = deliver(intentSeen, Keys.INTENT, most, view::intent);
                nodesSeen = deliver(nodesSeen, Keys.NODES, most, view::nodes);
                endpointsSeen = deliver(endpointsSeen, Keys.ENDPOINTS.prefix(), most, view::endpoints);
            }
        }
    }

    /** What a container has. */
    private record Pod(String uid, List<ByteString> addresses) {}

    final class Agent {

        private final String name;
        private final Path directory;

        /** What outlives the agent: endpoints, and the state that was seen. */
        private final Map<String, Pod> kernel = new LinkedHashMap<>();

        private final Map<String, Entry> cluster = new TreeMap<>();
        private final Map<String, Entry> own = new TreeMap<>();
        private long clusterSeen;
        private long nodeSeen;
        private long nodeRevision;

        private Life life = new Life(etcd, random, calm);
        private Reports reports = new Reports(life.store);
        private Withdrawals withdrawals = new Withdrawals();
        private LeaseBook book;
        private @Nullable Demand lastDemand;
        private boolean reporting;

        private Agent(String name) {
            this.name = name;
            this.directory = disk.resolve(name);
            this.book = open();
        }

        private LeaseBook open() {
            return Books.open(directory, COOL_DOWN, IDLE, clock, name, withdrawals, cluster.values());
        }

        /** As EndpointService and Reporter do when they begin. */
        void restart() {
            log("restart the agent of " + name);
            boolean cut = life.cut;
            life.kill();
            life = new Life(etcd, random, calm);
            life.cut = cut;
            reports = new Reports(life.store);
            lastDemand = null;
            reporting = false;
            withdrawals = new Withdrawals();
            book = open();
            kernel.forEach((container, pod) -> {
                if (!book.adopt(container, "eth0", "", pod.addresses())) {
                    throw new AssertionError(
                            "the book of " + name + " has another holder of what " + container + " has");
                }
            });
            book.leases().stream()
                    .map(lease -> lease.holder().containerId())
                    .filter(container -> !kernel.containsKey(container))
                    .sorted()
                    .forEach(container -> book.release(container, "eth0"));
            if (clusterSeen > 0) {
                pools();
            }
            if (nodeSeen > 0) {
                blocks();
            }
        }

        void see(int most) {
            seeCluster(most);
            seeNode(most);
        }

        void seeCluster(int most) {
            if (!life.cut) {
                clusterSeen = deliver(clusterSeen, Keys.CLUSTER, most, change -> {
                    take(cluster, change);
                    pools();
                });
            }
        }

        void seeNode(int most) {
            if (!life.cut) {
                nodeSeen = deliver(nodeSeen, Keys.node(name), most, change -> {
                    take(own, change);
                    nodeRevision = change.revision();
                    blocks();
                });
            }
        }

        private static void take(Map<String, Entry> into, EtcdChange change) {
            switch (change) {
                case EtcdChange.Snapshot all -> {
                    into.clear();
                    all.entries()
                            .forEach(found -> into.put(
                                    found.key(),
                                    new Entry(
                                            found.key(),
                                            ByteString.copyFrom(found.value().getBytes()),
                                            found.modRevision())));
                }
                case EtcdChange.Revision some ->
                    some.events().forEach(event -> {
                        switch (event) {
                            case Event.Put put ->
                                into.put(
                                        put.key(),
                                        new Entry(
                                                put.key(),
                                                ByteString.copyFrom(put.value().getBytes()),
                                                put.modRevision()));
                            case Event.Deleted gone -> into.remove(gone.key());
                        }
                    });
            }
        }

        private void pools() {
            book.pools(cluster.values().stream()
                    .filter(entry -> Keys.CLUSTER_POOLS.contains(entry.key()))
                    .map(entry -> entry.read(PoolRanges.parser()))
                    .toList());
        }

        private void blocks() {
            book.blocks(
                    own.values().stream()
                            .filter(entry -> Keys.blocksOf(name).contains(entry.key()))
                            .map(entry -> entry.read(Block.parser()))
                            .toList(),
                    nodeRevision);
        }

        void attachNew() {
            String uid = "pod-" + lastPod++;
            Life now = life;
            run("assign " + uid + " to " + name, api, () -> {
                api.store
                        .transaction()
                        .put(
                                Keys.workload(name, uid),
                                Workload.newBuilder()
                                        .setUid(uid)
                                        .setNode(name)
                                        .setNamespace("shop")
                                        .setName(uid)
                                        .setIdentity(IDENTITY)
                                        .build())
                        .commit();
                attach(uid, now);
            });
        }

        /** A pod gets another sandbox. */
        void attachAgain() {
            if (!kernel.isEmpty()) {
                String container = any();
                String uid = requireNonNull(kernel.get(container)).uid();
                detach(container);
                run("attach " + uid + " again", life, () -> attach(uid, life));
            }
        }

        private void attach(String uid, Life now) {
            if (now.isKilled()) {
                return;
            }
            String container = "c" + lastPod++;
            if (!(book.lease(container, "eth0", "", Set.of()) instanceof LeaseOutcome.Leased leased)) {
                return;
            }
            for (int i = random.nextInt(3); i > 0; i--) {
                Schedule.pause();
            }
            if (now.isKilled()) {
                return;
            }
            List<ByteString> given = leased.lease().addresses();
            log("attached " + uid + " on " + name + " with "
                    + given.stream().map(Prefixes::format).toList());
            withdrawals.forget(given);
            kernel.put(container, new Pod(uid, given));
            given.forEach(address -> {
                addresses.add(Prefixes.format(address), uid, name + ", in its kernel");
                Instant since = releasedAt.remove(address);
                if (since != null && since.plus(COOL_DOWN).isAfter(clock.instant())) {
                    throw new AssertionError(Prefixes.format(address) + " was given again though released at " + since);
                }
                boolean ours = blockOwner.entrySet().stream()
                        .anyMatch(block ->
                                block.getValue().equals(name) && Prefixes.contains(parse(block.getKey()), address));
                if (!ours) {
                    throw new AssertionError(name + " gave " + Prefixes.format(address)
                            + ", which is in none of its blocks: " + blockOwner);
                }
            });
        }

        private String any() {
            return List.copyOf(kernel.keySet()).get(random.nextInt(kernel.size()));
        }

        /** The addresses that its pods have. */
        List<String> addresses() {
            return kernel.values().stream()
                    .flatMap(pod -> pod.addresses().stream())
                    .map(Prefixes::format)
                    .toList();
        }

        void cut(boolean off) {
            life.cut = off;
        }

        void detachAny() {
            if (!kernel.isEmpty()) {
                remove(any());
            }
        }

        void remove(String container) {
            String uid = requireNonNull(kernel.get(container)).uid();
            detach(container);
            delete(Keys.workload(name, uid).path());
        }

        void detach(String container) {
            Pod pod = kernel.remove(container);
            if (pod != null) {
                log("detach " + pod.uid() + " on " + name);
                pod.addresses().forEach(address -> {
                    addresses.remove(Prefixes.format(address), pod.uid());
                    releasedAt.put(address, clock.instant());
                });
                book.release(container, "eth0");
            }
        }

        void report() {
            if (reporting || nodeSeen == 0 || clusterSeen == 0) {
                return;
            }
            reporting = true;
            Life now = life;
            run("report of " + name, now, () -> {
                try {
                    LeaseBook mine = book;
                    attachments();
                    withdrawals.look(
                            now.store,
                            name,
                            mine,
                            kernel.values().stream()
                                    .flatMap(pod -> pod.addresses().stream())
                                    .toList());
                    if (!now.isKilled()) {
                        demand(now);
                    }
                } finally {
                    if (!now.isKilled()) {
                        reporting = false;
                    }
                }
            });
        }

        private void attachments() {
            Map<String, Attached> wanted = new LinkedHashMap<>();
            kernel.forEach((container, pod) -> wanted.put(
                    Keys.attached(name, pod.uid()).path(),
                    Attached.newBuilder()
                            .setUid(pod.uid())
                            .setContainerId(container)
                            .addAllAddresses(pod.addresses())
                            .setIdentity(IDENTITY)
                            .build()));
            Map<String, Entry> seen = new HashMap<>();
            own.forEach((key, entry) -> {
                if (Keys.attachedOf(name).contains(key)) {
                    seen.put(key, entry);
                }
            });
            Reports mine = reports;
            wanted.forEach((key, message) -> {
                Entry before = seen.get(key);
                if (before == null || !before.read(Attached.parser()).equals(message)) {
                    mine.put(Keys.attachedOf(name).key(key), Optional.ofNullable(before), message);
                }
            });
            seen.forEach((key, entry) -> {
                if (!wanted.containsKey(key)) {
                    mine.delete(Keys.attachedOf(name).key(key), Optional.of(entry));
                }
            });
        }

        private void demand(Life now) {
            Key<Demand> key = Keys.demand(name);
            LeaseBook mine = book;
            Demand demand = mine.demand(Set.of());
            if (demand.equals(lastDemand) && !mine.reclaiming()) {
                return;
            }
            OptionalLong revision = reports.put(key, Optional.ofNullable(own.get(key.path())), demand);
            if (revision.isPresent() && !now.isKilled()) {
                lastDemand = demand;
                mine.written(demand, revision.getAsLong());
            }
        }
    }
}

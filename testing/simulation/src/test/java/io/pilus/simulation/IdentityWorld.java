package io.pilus.simulation;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.ByteString;
import io.etcd.jetcd.ByteSequence;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Compiled;
import io.pilus.contract.v1.Endpoint;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.Namespace;
import io.pilus.contract.v1.Node;
import io.pilus.contract.v1.Realised;
import io.pilus.contract.v1.Workload;
import io.pilus.etcd.EpochStore;
import io.pilus.etcd.Leadership.Term;
import io.pilus.etcd.Transaction;
import io.pilus.etcd.Versioned;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.alarm.Alarms;
import io.pilus.identity.collect.Collector;
import io.pilus.identity.collect.Collectors;
import io.pilus.identity.endpoint.EndpointPublisher;
import io.pilus.identity.endpoint.Publishers;
import io.pilus.identity.view.ClusterView;
import io.pilus.identity.workload.Pods;
import io.pilus.messaging.etcd.EtcdChange;
import io.pilus.messaging.etcd.EtcdChange.Event;
import io.pilus.node.report.Reports;
import io.pilus.rest.ProblemException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A cluster of the real identity-service in several replicas, of nodes that attach and report, and of a compile leader, over a simulated
 * store. The nodes are models of the agent that follow the rules of its {@code PolicyRealiser}; what they report with, and up to
 * where they have realised, is the agent's own code. Every observer's notion of every number is compared with all others' as soon as it changes.
 */
final class IdentityWorld extends World {

    static final List<String> LABELS = List.of("web", "db", "job");

    private static final List<String> NAMES = List.of("p0", "p1", "p2", "p3");
    private static final int FIRST = 256;
    private static final Duration QUARANTINE = Duration.ofSeconds(10);

    private final Observations<Integer> numbers = new Observations<>("number");

    private final List<Replica> replicas = new ArrayList<>();
    private final Map<String, Agent> agents = new LinkedHashMap<>();
    private final Life compiler;
    private boolean compiling;
    private long lastUid;

    private final StoredNumbers stored = new StoredNumbers(numbers);

    /** Which node a name's workload was created on last. */
    private final Map<String, String> placed = new HashMap<>();

    IdentityWorld(long seed, @Nullable List<String> journal) {
        super(seed, Keys.leader("identity-service"), journal);
        this.compiler = new Life(etcd, random, calm);
        Transaction setUp = compiler.store
                .transaction()
                .put(
                        Keys.namespace(Pods.NAMESPACE),
                        Namespace.newBuilder().setName(Pods.NAMESPACE).build())
                .put(Keys.COMPILED, Compiled.getDefaultInstance());
        NODES.forEach(node ->
                setUp.put(Keys.intentNode(node), Node.newBuilder().setName(node).build()));
        setUp.commit();
        for (int i = 0; i < REPLICAS; i++) {
            replicas.add(new Replica("identity-" + i));
        }
        NODES.forEach(node -> agents.put(node, new Agent(node)));
    }

    // ---- a run

    @Override
    Candidate first() {
        return replicas.getFirst();
    }

    /** Everybody is well, every pod goes, and time passes; then nothing is left. */
    void rest() {
        calm[0] = true;
        agents.values().forEach(agent -> agent.life.cut = false);
        replicas.forEach(replica -> replica.cut = false);
        finish();
        Replica any = replicas.getFirst();
        names().forEach(name -> delete(any, name));
        agents.values().forEach(Agent::detachAll);
        endLease();
        replicas.forEach(replica -> replica.term = Optional.empty());
        elect(any);
        finish();
        for (int round = 0; round < 40 && !leftovers().isEmpty(); round++) {
            everybodySees();
            agents.values().forEach(this::report);
            finish();
            everybodySees();
            publish(any);
            finish();
            everybodySees();
            clock.advance(QUARANTINE.plusSeconds(1));
            collect(any);
            finish();
            compile();
            finish();
        }
        if (!leftovers().isEmpty()) {
            throw new AssertionError("left at rest: " + leftovers());
        }
        agents.values().forEach(agent -> agent.see(Integer.MAX_VALUE));
        check();
        if (!numbers.isEmpty()) {
            throw new AssertionError("somebody still knows a number at rest");
        }
    }

    /** All changes up to now, to tell two runs apart. */
    int fingerprint() {
        int hash = 1;
        for (long revision = etcd.firstKept(); revision <= etcd.revision(); revision++) {
            hash = 31 * hash + etcd.changes(revision).hashCode();
        }
        return 31 * hash + Long.hashCode(etcd.revision());
    }

    /** Of the workloads that there are. */
    private List<String> names() {
        return etcd.list(Keys.WORKLOAD_LOCATIONS.prefix()).stream()
                .map(found -> Keys.WORKLOAD_LOCATIONS.parts(found.key())[1])
                .toList();
    }

    /** How often a number that had been freed was given again. */
    int givenAgain() {
        return stored.givenAgain();
    }

    private List<String> leftovers() {
        List<String> left = new ArrayList<>();
        for (String prefix : List.of(
                Keys.IDENTITIES.prefix(),
                Keys.LABELS.prefix(),
                Keys.FREED_NUMBERS.prefix(),
                Keys.WORKLOAD_LOCATIONS.prefix(),
                Keys.IDENTITY_POLICIES.prefix(),
                Keys.ENDPOINTS.prefix())) {
            etcd.list(prefix).forEach(change -> left.add(change.key()));
        }
        NODES.forEach(node -> {
            etcd.list(Keys.workloadsOf(node).prefix()).forEach(change -> left.add(change.key()));
            etcd.list(Keys.attachedOf(node).prefix()).forEach(change -> left.add(change.key()));
        });
        return left;
    }

    @Override
    void operate(boolean quiet) {
        if (quiet && random.nextInt(10) < 6) {
            agents.values().forEach(Agent::follow);
            aWhile();
            return;
        }
        Replica replica = replicas.get(random.nextInt(REPLICAS));
        Agent agent = agents.get(NODES.get(random.nextInt(NODES.size())));
        requireNonNull(agent);
        String name = NAMES.get(random.nextInt(NAMES.size()));
        String label = LABELS.get(random.nextInt(LABELS.size()));
        switch (random.nextInt(64)) {
            case 0, 1, 2, 3, 4 -> create(replica, name, agent.name, label);
            case 5, 6 -> relabel(replica, name, label);
            case 7, 8, 9 -> {
                List<String> there = names();
                delete(replica, there.isEmpty() ? name : there.get(random.nextInt(there.size())));
            }
            case 10, 11, 12 -> aWhile();
            case 13, 14, 15, 16, 17 -> agent.attachAny();
            case 18, 19, 20, 21 -> agent.detachAny();
            case 22, 23, 24, 25, 26, 27 -> report(agent);
            case 28, 29 -> agent.seeCluster(1 + random.nextInt(8));
            case 30 -> agent.seeNode(1 + random.nextInt(8));
            case 31 -> agent.see(Integer.MAX_VALUE);
            case 32, 33, 34 -> aWhile();
            case 35, 36, 37 -> replica.see(1 + random.nextInt(12), random.nextInt(8));
            case 38, 39 -> replicas.forEach(each -> each.see(Integer.MAX_VALUE, 7));
            case 40, 41, 42, 43 -> leaders().forEach(this::publish);
            case 44, 45, 46, 47, 48 -> leaders().forEach(this::collect);
            case 49, 50, 51, 52 -> compile();
            case 53, 54 -> clock.advance(Duration.ofSeconds(3 + random.nextInt(12)));
            case 55, 56 -> aWhile();
            case 57 -> partition(agent.life, agent.name);
            case 58 -> {
                agents.values().forEach(each -> each.life.cut = false);
                replicas.forEach(each -> each.cut = false);
            }
            case 59 -> crash(replica);
            case 60 -> agent.restart();
            case 61 -> {
                if (random.nextBoolean()) {
                    partition(replica, replica.name);
                } else {
                    compact();
                }
            }
            default -> changeLeader(replica);
        }
    }

    @Override
    void turn(boolean quiet) {
        if (quiet) {
            if (random.nextInt(3) == 0) {
                Agent agent = requireNonNull(agents.get(NODES.get(random.nextInt(NODES.size()))));
                everybodySees();
                partition(agent.life, agent.name);
                agent.attachAny();
                agent.attachAny();
            }
            names().stream()
                    .filter(_ -> random.nextInt(6) > 0)
                    .forEach(name -> delete(replicas.get(random.nextInt(REPLICAS)), name));
        } else if (random.nextBoolean()) {
            agents.values().forEach(agent -> agent.life.cut = false);
            aWhile();
            aWhile();
        }
    }

    /** Everybody gets round to what he does from time to time; what is begun goes on by and by. */
    void aWhile() {
        everybodySees();
        clock.advance(QUARANTINE.plusSeconds(1));
        leaders().forEach(this::publish);
        leaders().forEach(this::collect);
        if (calm[0] || random.nextInt(3) > 0) {
            compile();
        }
        agents.values().forEach(this::report);
        for (int steps = random.nextInt(160); steps > 0 && schedule.step(); steps--) {
            check();
        }
    }

    private List<Replica> leaders() {
        return replicas.stream().filter(replica -> replica.term.isPresent()).toList();
    }

    // ---- what happens

    void create(Replica replica, String name, String node, String label) {
        run("create " + name + " on " + node + " as " + label + " at " + replica.name, replica, () -> {
            replica.pods.create(name, node, label);
            placed.put(name, node);
        });
    }

    private void relabel(Replica replica, String name, String label) {
        String node = placed.getOrDefault(name, NODES.getFirst());
        run("relabel " + name + " to " + label + " at " + replica.name, replica, () -> {
            replica.pods.put(name, node, label);
            placed.put(name, node);
        });
    }

    void delete(Replica replica, String name) {
        run("delete " + name + " at " + replica.name, replica, () -> replica.pods.delete(name));
    }

    void partition(Life process, String name) {
        log("cut off " + name);
        process.cut = true;
    }

    void heal(Life process) {
        process.cut = false;
    }

    private void crash(Replica replica) {
        log("crash " + replica.name);
        replica.kill();
        replicas.set(replicas.indexOf(replica), new Replica(replica.name));
    }

    void publish(Replica replica) {
        if (replica.publishing || !replica.view.isComplete()) {
            return;
        }
        replica.publishing = true;
        run("publish at " + replica.name, replica, () -> {
            try {
                for (int i = 0; i < 8; i++) {
                    if (replica.publisher.publishSome(replica.term) == EndpointPublisher.Progress.IDLE) {
                        return;
                    }
                }
            } finally {
                replica.publishing = false;
            }
        });
    }

    void collect(Replica replica) {
        Optional<Term> term = replica.term;
        if (replica.collecting || !replica.view.isComplete() || term.isEmpty()) {
            return;
        }
        replica.collecting = true;
        run("collect at " + replica.name, replica, () -> {
            try {
                replica.collector.collect(term.get(), () -> {});
            } finally {
                replica.collecting = false;
            }
        });
    }

    /** The compile leader brings the policies of identities in line with what there is; here each is its label. */
    void compile() {
        if (compiling) {
            return;
        }
        compiling = true;
        run("compile", compiler, () -> {
            try {
                Map<Integer, String> wanted = new TreeMap<>();
                long revision = compiler.store.forEach(
                        Keys.IDENTITIES,
                        found -> wanted.put(
                                found.value().getId(),
                                StoredNumbers.label(found.value().getLabelSet().getLabelsMap())));
                Map<Integer, Versioned<IdentityPolicy>> present = new TreeMap<>();
                compiler.store.forEach(
                        Keys.IDENTITY_POLICIES,
                        found -> present.put(
                                Keys.identityNumber(Keys.IDENTITY_POLICIES.parts(found.key())[0]), found));
                Transaction transaction = compiler.store.transaction();
                wanted.forEach((id, label) -> {
                    Versioned<IdentityPolicy> seen = present.get(id);
                    if (seen == null || !seen.value().getPolicies(0).equals(label)) {
                        transaction.put(
                                Keys.identityPolicy(id),
                                IdentityPolicy.newBuilder().addPolicies(label).build());
                    }
                });
                present.keySet().stream()
                        .filter(id -> !wanted.containsKey(id))
                        .forEach(id -> transaction.delete(Keys.identityPolicy(id)));
                if (transaction.operations() > 0) {
                    transaction.commit();
                }
                compiler.store
                        .transaction()
                        .put(
                                Keys.COMPILED,
                                Compiled.newBuilder().setRevision(revision).build())
                        .commit();
            } finally {
                compiling = false;
            }
        });
    }

    void report(Agent agent) {
        agent.report();
    }

    void everybodySees() {
        replicas.forEach(replica -> replica.see(Integer.MAX_VALUE, 7));
        agents.values().stream().filter(agent -> !agent.life.cut).forEach(agent -> agent.see(Integer.MAX_VALUE));
        check();
    }

    Replica replica(int index) {
        return replicas.get(index);
    }

    Agent agent(String node) {
        return requireNonNull(agents.get(node));
    }

    /** The number that the label set has in the store now. */
    Optional<Integer> number(String label) {
        return stored.number(label);
    }

    /** Whether nothing keeps the number from being given. */
    boolean isFree(int number) {
        return !stored.isLive(number)
                && etcd.list(Keys.freedNumber(number).path()).isEmpty();
    }

    @Override
    boolean isRefusal(Throwable thrown) {
        return thrown instanceof ProblemException || super.isRefusal(thrown);
    }

    // ---- the store as an observer

    @Override
    void observe(List<Change> changes) {
        stored.committed(changes);
    }

    /** A number, and what it stood for when a pod got it. */
    record Known(int id, String label) {}

    private Known assigned(String uid, int id) {
        return new Known(id, stored.assigned(uid, id));
    }

    private static Known known(Workload workload) {
        return new Known(
                workload.getIdentity(),
                StoredNumbers.label(workload.getLabelSet().getLabelsMap()));
    }

    private void add(Known known, String observer) {
        numbers.add(known.id(), known.label(), observer);
    }

    private void remove(@Nullable Known known) {
        if (known != null) {
            numbers.remove(known.id(), known.label());
        }
    }

    // ---- the parts

    /** One life of a replica of identity-service. */
    final class Replica extends Candidate {

        private final ClusterView view = new ClusterView(clock);
        private final Pods pods;
        private final EndpointPublisher publisher;
        private final Collector collector;
        private boolean publishing;
        private boolean collecting;
        private long intentSeen;
        private long nodesSeen;
        private long endpointsSeen;

        private Replica(String name) {
            super(name);
            Supplier<UUID> uids = () -> new UUID(0, ++lastUid);
            var epochs = new EpochStore(etcd.client(this), store, Settings.NONE);
            this.pods = new Pods(store, epochs, Config.INSTANCE, uids);
            var alarms = new Alarms(clock, METERS);
            this.publisher = Publishers.publisher(store, view, alarms, METERS);
            this.collector = Collectors.collector(store, view, Config.INSTANCE, clock, METERS);
        }

        @Override
        void elected() {
            view.touchAll();
        }

        /**
         * @param channels a bit for each
         */
        void see(int most, int channels) {
            if (cut) {
                return;
            }
            if ((channels & 1) != 0) {
                intentSeen = deliver(intentSeen, Keys.INTENT, most, view::intent);
            }
            if ((channels & 2) != 0) {
                nodesSeen = deliver(nodesSeen, Keys.NODES, most, view::nodes);
            }
            if ((channels & 4) != 0) {
                endpointsSeen = deliver(endpointsSeen, Keys.ENDPOINTS.prefix(), most, view::endpoints);
            }
        }
    }

    /** A node: what its kernel has and what its agent has seen outlive the agent. */
    final class Agent {

        private final String name;
        private final Map<String, Known> kernel = new LinkedHashMap<>();
        private final Map<Integer, String> policies = new HashMap<>();
        private final Map<String, Known> endpoints = new HashMap<>();
        private final Map<String, Workload> workloads = new LinkedHashMap<>();
        private final Map<String, io.pilus.node.state.Entry> reported = new LinkedHashMap<>();
        private long clusterSeen;
        private long nodeSeen;
        private long clusterRevision;

        /** What outlives nothing. */
        private Life life = new Life(etcd, random, calm);

        private Reports reports = new Reports(life.store);
        private io.pilus.node.policy.Realised realised = new io.pilus.node.policy.Realised();
        private final Map<String, Known> held = new LinkedHashMap<>();
        private boolean reporting;

        private Agent(String name) {
            this.name = name;
        }

        Life life() {
            return life;
        }

        /** The workloads that it knows to be assigned to it. */
        List<String> workloads() {
            return List.copyOf(workloads.keySet());
        }

        /** The numbers that its pods have. */
        List<Integer> numbers() {
            return kernel.values().stream().map(Known::id).toList();
        }

        /** Takes every pod away. */
        void detachAll() {
            List.copyOf(kernel.keySet()).forEach(this::detach);
        }

        void restart() {
            log("restart the agent of " + name);
            boolean cut = life.cut;
            life.kill();
            List.copyOf(held.keySet()).forEach(this::release);
            life = new Life(etcd, random, calm);
            life.cut = cut;
            reports = new Reports(life.store);
            realised = new io.pilus.node.policy.Realised();
            reporting = false;
            settled();
        }

        void see(int most) {
            seeCluster(most);
            seeNode(most);
        }

        void seeCluster(int most) {
            if (!life.cut) {
                clusterSeen = deliver(clusterSeen, Keys.CLUSTER, most, this::cluster);
            }
        }

        void seeNode(int most) {
            if (!life.cut) {
                nodeSeen = deliver(nodeSeen, Keys.node(name), most, this::node);
            }
        }

        private void cluster(EtcdChange change) {
            try {
                switch (change) {
                    case EtcdChange.Snapshot all -> {
                        List.copyOf(policies.keySet()).forEach(id -> policy(id, null));
                        List.copyOf(endpoints.keySet()).forEach(uid -> endpoint(uid, 0));
                        all.entries().forEach(entry -> cluster(entry.key(), entry.value()));
                    }
                    case EtcdChange.Revision some ->
                        some.events()
                                .forEach(event ->
                                        cluster(event.key(), event instanceof Event.Put put ? put.value() : null));
                }
                clusterRevision = change.revision();
                settled();
            } catch (AssertionError e) {
                fail(e);
            }
        }

        private void cluster(String key, @Nullable ByteSequence value) {
            if (Keys.IDENTITY_POLICIES.contains(key)) {
                policy(
                        Keys.identityNumber(Keys.IDENTITY_POLICIES.parts(key)[0]),
                        value == null
                                ? null
                                : StoredNumbers.parse(value, IdentityPolicy.parser())
                                        .getPolicies(0));
            } else if (Keys.ENDPOINTS.contains(key)) {
                endpoint(
                        Keys.ENDPOINTS.parts(key)[1],
                        value == null
                                ? 0
                                : StoredNumbers.parse(value, Endpoint.parser()).getIdentity());
            }
        }

        private void policy(int id, @Nullable String label) {
            String before = label == null ? policies.remove(id) : policies.put(id, label);
            if (before != null) {
                numbers.remove(id, before);
            }
            if (label != null) {
                numbers.add(id, label, name + ", which has its policies");
            }
        }

        private void endpoint(String uid, int id) {
            remove(endpoints.remove(uid));
            if (id != 0) {
                Known now = assigned(uid, id);
                endpoints.put(uid, now);
                add(now, name + ", which has it published");
            }
        }

        private void node(EtcdChange change) {
            try {
                switch (change) {
                    case EtcdChange.Snapshot all -> {
                        workloads.clear();
                        reported.clear();
                        all.entries().forEach(entry -> node(entry.key(), entry.value(), entry.modRevision()));
                    }
                    case EtcdChange.Revision some ->
                        some.events()
                                .forEach(event -> node(
                                        event.key(),
                                        event instanceof Event.Put put ? put.value() : null,
                                        some.revision()));
                }
                settled();
            } catch (AssertionError e) {
                fail(e);
            }
        }

        private void node(String key, @Nullable ByteSequence value, long revision) {
            if (Keys.workloadsOf(name).contains(key)) {
                String uid = Keys.workloadsOf(name).parts(key)[0];
                if (value == null) {
                    workloads.remove(uid);
                } else {
                    workloads.put(uid, StoredNumbers.parse(value, Workload.parser()));
                }
            } else if (value == null) {
                reported.remove(key);
            } else {
                reported.put(key, new io.pilus.node.state.Entry(key, ByteString.copyFrom(value.getBytes()), revision));
            }
        }

        private boolean ready(@Nullable Workload workload) {
            return workload != null
                    && policies.containsKey(workload.getIdentity())
                    && clusterRevision >= workload.getPolicyFloor();
        }

        /** As PolicyRealiser does after every change. */
        private void settled() {
            for (String uid : List.copyOf(kernel.keySet())) {
                changeIdentity(uid);
            }
            List<Integer> used = new ArrayList<>(numbers());
            held.values().forEach(known -> used.add(known.id()));
            realised.settle(clusterRevision, used, policies::containsKey);
        }

        private void changeIdentity(String uid) {
            Workload workload = workloads.get(uid);
            Known now = kernel.get(uid);
            if (now != null && workload != null && ready(workload) && workload.getIdentity() != now.id()) {
                remove(now);
                kernel.put(uid, known(workload));
                add(known(workload), name + ", in its kernel");
                hold(uid, known(workload));
            }
        }

        private void hold(String uid, Known known) {
            release(uid);
            held.put(uid, known);
            add(known, name + ", which holds it");
        }

        private void release(String uid) {
            remove(held.remove(uid));
        }

        /** What kubelet does when pods come and go, if it gets round to it. */
        private void follow() {
            if (random.nextBoolean()) {
                attachAny();
            }
            for (String uid : List.copyOf(kernel.keySet())) {
                if (!life.cut
                        && random.nextInt(4) == 0
                        && !stored.has(Keys.workload(name, uid).path())) {
                    detach(uid);
                }
            }
        }

        void attachAny() {
            List<String> waiting = workloads.keySet().stream()
                    .filter(uid -> !kernel.containsKey(uid) && !held.containsKey(uid))
                    .toList();
            if (!waiting.isEmpty()) {
                attach(waiting.get(random.nextInt(waiting.size())));
            }
        }

        private void detachAny() {
            List<String> all = List.copyOf(kernel.keySet());
            if (!all.isEmpty()) {
                detach(all.get(random.nextInt(all.size())));
            }
        }

        /** As EndpointService does: what it was told holds until the endpoint is there, and is looked at again then. */
        void attach(String uid) {
            Life now = life;
            run("attach " + uid + " on " + name, now, () -> {
                if (now.isKilled() || !tell(uid)) {
                    return;
                }
                // now and then the kernel, or the wait for an address, takes long
                for (int i = random.nextInt(8) == 0 ? 60 : random.nextInt(4); i > 0; i--) {
                    Schedule.pause();
                }
                if (!now.isKilled()) {
                    make(uid);
                    Schedule.pause();
                }
                if (!now.isKilled()) {
                    changeIdentity(uid);
                }
            });
        }

        /** The container that is to be attached is told its identity. */
        boolean tell(String uid) {
            Workload workload = workloads.get(uid);
            if (workload == null || !ready(workload) || held.containsKey(uid) || kernel.containsKey(uid)) {
                return false;
            }
            hold(uid, known(workload));
            return true;
        }

        /** Its endpoint is made, with the identity that it was told. */
        void make(String uid) {
            Known told = requireNonNull(held.get(uid));
            log("attached " + uid + " on " + name + " with number " + told.id());
            kernel.put(uid, told);
            add(told, name + ", in its kernel");
        }

        void detach(String uid) {
            Known known = kernel.remove(uid);
            if (known != null) {
                log("detach " + uid + " on " + name + ", number " + known.id());
                remove(known);
                release(uid);
                settled();
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
                    attachments();
                    realised();
                } finally {
                    if (!now.isKilled()) {
                        reporting = false;
                    }
                }
            });
        }

        private void attachments() {
            Map<String, Attached> wanted = new LinkedHashMap<>();
            kernel.forEach((uid, known) -> wanted.put(
                    Keys.attached(name, uid).path(),
                    Attached.newBuilder().setUid(uid).setIdentity(known.id()).build()));
            Map<String, io.pilus.node.state.Entry> seen = new LinkedHashMap<>(reported);
            Reports mine = reports;
            wanted.forEach((key, message) -> {
                io.pilus.node.state.Entry before = seen.get(key);
                if (before == null || !before.read(Attached.parser()).equals(message)) {
                    mine.put(Keys.attachedOf(name).key(key), Optional.ofNullable(before), message);
                }
            });
            seen.forEach((key, entry) -> {
                if (Keys.attachedOf(name).contains(key) && !wanted.containsKey(key)) {
                    mine.delete(Keys.attachedOf(name).key(key), Optional.of(entry));
                }
            });
        }

        private void realised() {
            Key<Realised> key = Keys.realised(name);
            Optional<io.pilus.node.state.Entry> seen = Optional.ofNullable(reported.get(key.path()));
            long revision = realised.revision();
            if (seen.isEmpty() || seen.get().read(Realised.parser()).getRevision() != revision) {
                reports.put(
                        key, seen, Realised.newBuilder().setRevision(revision).build());
            }
        }
    }

    /** Few numbers, so that they come back soon. */
    private enum Config implements IdentityConfig {
        INSTANCE;

        @Override
        public List<String> instanceLabels() {
            return List.of();
        }

        @Override
        public Numbers numbers() {
            return new Numbers() {
                @Override
                public int first() {
                    return FIRST;
                }

                @Override
                public int last() {
                    return FIRST + 2;
                }

                @Override
                public int range() {
                    return 1;
                }
            };
        }

        @Override
        public Collection collection() {
            return new Collection() {
                @Override
                public Duration quarantine() {
                    return QUARANTINE;
                }

                @Override
                public Duration interval() {
                    return Duration.ofSeconds(2);
                }
            };
        }

        @Override
        public int attempts() {
            return 50;
        }
    }
}

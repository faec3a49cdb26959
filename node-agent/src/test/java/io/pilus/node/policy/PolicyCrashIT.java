package io.pilus.node.policy;

import static io.pilus.contract.Prefixes.parseAddress;
import static io.pilus.node.policy.PolicyEngineIT.allow;
import static io.pilus.node.policy.PolicyEngineIT.isolating;
import static io.pilus.node.policy.PolicyEngineIT.members;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.MessageLite;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.etcd.UnreadableValueException;
import io.pilus.model.AppliedPolicy;
import io.pilus.model.Cell;
import io.pilus.model.Compilation;
import io.pilus.model.Direction;
import io.pilus.model.RuleRef;
import io.pilus.model.TableCompiler;
import io.pilus.model.VerdictTable;
import io.pilus.model.reference.Packet;
import io.pilus.node.state.ClusterFixture;
import io.pilus.node.state.Delta;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An agent that is killed at a write to the kernel, whichever, and its next life. */
class PolicyCrashIT {

    private static final int API = 300;
    private static final int WEB = 301;
    private static final int BATCH = 302;
    private static final int SHOP = 303;
    private static final int STRANGER = 4000;
    private static final Set<Integer> SUBJECTS = Set.of(API, SHOP);
    private static final int SLOTS = 64;
    private static final int NEVER = Integer.MAX_VALUE;

    @TempDir
    Path directory;

    private ClusterFixture cluster;
    private KernelFixture kernel;
    private DyingMaps maps;
    private int deadline = NEVER;
    private List<Packet> packets = packets();
    private PolicyEngine engine;
    private final Map<RuleRef, Integer> numbers = new HashMap<>();

    /** Which slot each endpoint of the kernel names. */
    private final Map<Integer, Integer> attached = new TreeMap<>();

    /** Under which generation an open connection was judged last, and allowed. */
    private final Map<Connection, Long> open = new HashMap<>();

    private record Connection(int subject, Packet packet) {}

    @BeforeEach
    void open() throws IOException {
        cluster = new ClusterFixture(directory);
        kernel = new KernelFixture(Map.of("slots_v1", SLOTS));
        live();
    }

    @AfterEach
    void close() throws IOException {
        cluster.close();
        kernel.close();
    }

    @Test
    void atWhicheverWriteOfAChangeTheAgentIsKilledItsNextLifeJudgesAsTheViewSaysAndAlsoWhatIsOpen() {
        Map<String, Consumer<ClusterFixture>> changes = new LinkedHashMap<>();
        changes.put("somebody leaves a set", c -> identity(c, WEB, List.of(), List.of()));
        changes.put("somebody comes into a denied set", c -> identity(c, WEB, List.of(), List.of("web", "bad")));
        changes.put("somebody is gone", c -> c.delete(Keys.identityPolicy(WEB)));
        changes.put("somebody whom no rule names is gone", c -> c.delete(Keys.identityPolicy(BATCH)));
        changes.put("somebody comes", c -> identity(c, STRANGER, List.of(), List.of("bad", "other")));
        changes.put("a set is written anew", c -> c.put(Keys.peerSet("web"), members(BATCH)));
        changes.put("a policy is edited", c -> c.put(Keys.rules("p2"), isolating("shop", allow("web", 81))));
        changes.put("a subject gets another list", c -> identity(c, API, List.of("p2"), List.of()));
        changes.put("all of it at once", c -> {
            identity(c, BATCH, List.of(), List.of("web", "bad"));
            identity(c, STRANGER, List.of("p1"), List.of("other"));
            c.delete(Keys.identityPolicy(WEB)).put(Keys.rules("p2"), isolating("shop", allow("web", 81)));
        });

        long kills = 0;
        for (Map.Entry<String, Consumer<ClusterFixture>> change : changes.entrySet()) {
            boolean killed = true;
            for (int first = 0; killed; first++) {
                boolean killedAgain = true;
                for (int second = 0; killedAgain; second++) {
                    var place = "%s, killed after %d writes and after %d".formatted(change.getKey(), first, second);
                    begin();
                    change.getValue().accept(cluster);
                    Delta delta = cluster.commit();
                    killed = isKilled(first, () -> engine.apply(delta));
                    killedAgain = killed && isKilled(second, () -> restart(SUBJECTS));
                    if (killedAgain) {
                        restart(SUBJECTS);
                    }
                    kills += (killed ? 1 : 0) + (killedAgain ? 1 : 0);
                    SUBJECTS.forEach(subject -> assertAsTheViewSays(place, subject));
                    assertARestartChangesNoWord(place);
                }
            }
        }

        CaseBook.open()
                .write(
                        FaultCase.of(
                                        Chapter.OUTAGES,
                                        "an agent killed at a write of a policy change, and again at one of its next start")
                                .done(changes.size()
                                        + " kinds of change in the kernel's maps, killed at each write in turn")
                                .times(kills)
                                .lost(
                                        "nothing: verdicts are as computed afresh, and what is open and no longer allowed is judged again")
                                .guard(
                                        "a mark in the word of slot 0, from before anything is taken away until what was open is to be judged again. Without it 'somebody leaves a set, killed after 1 write' let an open connection go on that was allowed no longer"));
    }

    @Test
    void howeverOftenTheAgentIsKilledTheKernelJudgesAsTheViewSays() {
        long seed = Long.getLong("pilus.seed", new Random().nextLong());
        var random = new Random(seed);
        var world = new PolicyWorld(random);
        packets = Stream.generate(world::packet).limit(60).toList();
        for (int step = 0; step < 400; step++) {
            var place = "seed %d, step %d".formatted(seed, step);
            world.change(cluster);
            Delta delta = cluster.commit();
            Set<Integer> subjects = world.subjects();
            attached.keySet().retainAll(subjects);
            open.keySet().removeIf(connection -> !subjects.contains(connection.subject()));
            boolean killed = isKilled(random.nextInt(40), () -> {
                engine.apply(delta);
                engine.subjects(subjects);
            });
            while (killed) {
                killed = isKilled(random.nextInt(200), () -> restart(subjects));
            }
            engine.takeRetired().forEach(Runnable::run);
            for (int subject : subjects) {
                if (engine.isKnown(subject)) {
                    attached.put(subject, engine.ready(subject).orElseThrow());
                    assertAsTheViewSays(place, subject);
                }
            }
        }
    }

    private void begin() {
        for (String map :
                List.of("tables_v1", "peer_classes_v1", "address_classes_v1", "port_classes_v1", "cells_v1")) {
            kernel.map(map).keys().forEach(kernel.map(map)::delete);
        }
        for (int slot = 0; slot < SLOTS; slot++) {
            kernel.maps().slot(slot, 0);
        }
        open.clear();
        attached.clear();
        var deny = allow("bad", 80).toBuilder().setAction(Action.ACTION_DENY).build();
        var everybody = allow("web", 80).toBuilder().clearPeerSets().setAnyPeer(true);
        everybody.getPortsBuilder(0).setLast(81);
        cluster.delete(Keys.identityPolicy(STRANGER))
                .put(Keys.peerSet("web"), members(WEB))
                .put(Keys.peerSet("bad"), members())
                .put(Keys.peerSet("other"), members())
                .put(Keys.rules("p1"), isolating("api", deny, everybody.build(), allow("web", 82)))
                .put(Keys.rules("p2"), isolating("shop", allow("web", 80), allow("other", 81)));
        identity(cluster, API, List.of("p1"), List.of());
        identity(cluster, SHOP, List.of("p2"), List.of());
        identity(cluster, WEB, List.of(), List.of("web"));
        identity(cluster, BATCH, List.of(), List.of());
        cluster.commit();
        restart(SUBJECTS);
        SUBJECTS.forEach(subject -> attached.put(subject, engine.ready(subject).orElseThrow()));
        converse();
    }

    /** Whether an agent that makes so many writes more does not live to the end of this. */
    private boolean isKilled(int writes, Runnable work) {
        deadline = writes;
        maps.dieAfter(writes);
        try {
            work.run();
            return false;
        } catch (DyingMaps.Killed _) {
            converse();
            return true;
        } finally {
            deadline = NEVER;
            maps.dieAfter(NEVER);
        }
    }

    private void restart(Set<Integer> subjects) {
        live();
        engine.start(subjects, attached);
    }

    private void live() {
        maps = new DyingMaps(kernel);
        maps.dieAfter(deadline);
        engine = new PolicyEngine(cluster.view(), KernelTables.open(maps), Slots.open(maps), this::number);
    }

    /** A packet on each connection: who is judged and allowed is remembered under the generation. */
    private void converse() {
        attached.forEach((subject, slot) -> packets.forEach(packet -> {
            if (Cell.allows(kernel.judge(slot, packet))) {
                open.put(new Connection(subject, packet), generation(slot));
            }
        }));
    }

    private void assertAsTheViewSays(String place, int subject) {
        int slot = engine.ready(subject).orElseThrow();
        VerdictTable expected = afresh(subject);
        for (Packet packet : packets) {
            var connection = new Connection(subject, packet);
            long wanted = expected.verdict(
                    packet.direction(),
                    packet.identity(),
                    engine.isKnown(packet.identity()),
                    packet.address(),
                    packet.managed(),
                    packet.protocol(),
                    packet.port());
            assertThat(Cell.format(kernel.judge(slot, packet)))
                    .as("%s: %s", place, connection)
                    .isEqualTo(Cell.format(wanted));
            Long judged = Cell.allows(wanted) ? open.put(connection, generation(slot)) : open.remove(connection);
            if (!Cell.allows(wanted) && judged != null) {
                assertThat(generation(slot))
                        .as("%s: goes on, %s", place, connection)
                        .isGreaterThan(judged);
            }
        }
    }

    private void assertARestartChangesNoWord(String place) {
        List<Long> before = words();

        restart(SUBJECTS);

        assertThat(words()).as(place).isEqualTo(before);
    }

    private List<Long> words() {
        return IntStream.range(0, SLOTS).mapToObj(kernel::slot).toList();
    }

    private long generation(int slot) {
        return kernel.slot(slot) >>> 32;
    }

    private int number(RuleRef rule) {
        return numbers.computeIfAbsent(rule, _ -> numbers.size() + 16);
    }

    /** What the view says, computed by nobody who has known anything before. */
    private VerdictTable afresh(int subject) {
        List<AppliedPolicy> applied = new ArrayList<>();
        Set<String> sets = new HashSet<>();
        for (String id : read(Keys.identityPolicy(subject)).getPoliciesList()) {
            CompiledPolicy policy = read(Keys.rules(id));
            applied.add(new AppliedPolicy(id, policy));
            policy.getRulesList().forEach(rule -> sets.addAll(rule.getPeerSetsList()));
        }
        var peers = new Peers(cluster.view());
        peers.load();
        peers.use(sets);
        return ((Compilation.Compiled) TableCompiler.compile(applied, peers.view(), this::number)).table();
    }

    private <M extends MessageLite> M read(Key<M> key) {
        try {
            return cluster.view().read(key).orElseThrow();
        } catch (UnreadableValueException e) {
            throw new AssertionError(e);
        }
    }

    private static void identity(ClusterFixture cluster, int id, List<String> policies, List<String> sets) {
        cluster.put(
                Keys.identityPolicy(id),
                IdentityPolicy.newBuilder()
                        .addAllPolicies(policies)
                        .addAllSets(sets)
                        .build());
    }

    private static List<Packet> packets() {
        List<Packet> packets = new ArrayList<>();
        for (int peer : List.of(API, WEB, BATCH, SHOP, STRANGER)) {
            for (int port = 79; port <= 82; port++) {
                packets.add(new Packet(Direction.INGRESS, peer, true, parseAddress("10.9.9.9"), true, 6, port));
            }
        }
        return packets;
    }
}

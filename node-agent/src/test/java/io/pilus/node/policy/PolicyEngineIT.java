package io.pilus.node.policy;

import static io.pilus.contract.Prefixes.parse;
import static io.pilus.contract.Prefixes.parseAddress;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.pilus.contract.Identities;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.PeerSet;
import io.pilus.contract.v1.PortRange;
import io.pilus.contract.v1.Protocol;
import io.pilus.contract.v1.Rule;
import io.pilus.contract.v1.Tier;
import io.pilus.model.AppliedPolicy;
import io.pilus.model.Cell;
import io.pilus.model.CellAction;
import io.pilus.model.Compilation;
import io.pilus.model.Direction;
import io.pilus.model.PeerIndex;
import io.pilus.model.RuleRef;
import io.pilus.model.TableCompiler;
import io.pilus.model.VerdictTable;
import io.pilus.model.reference.Packet;
import io.pilus.node.state.ClusterFixture;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.roaringbitmap.RoaringBitmap;

class PolicyEngineIT {

    private static final int API = 300;
    private static final int WEB = 301;
    private static final int BATCH = 302;
    private static final int STRANGER = 4000;

    @TempDir
    Path directory;

    private ClusterFixture cluster;
    private KernelFixture kernel;
    private PolicyEngine engine;
    private final Map<RuleRef, Integer> numbers = new HashMap<>();
    private boolean numbersFail;

    @BeforeEach
    void open() throws IOException {
        cluster = new ClusterFixture(directory);
        kernel = new KernelFixture(Map.of());
        engine = engine();
    }

    @AfterEach
    void close() throws IOException {
        cluster.close();
        kernel.close();
    }

    @Test
    void aSubjectIsJudgedByItsPoliciesAndOneWithoutAnyIsOpen() {
        webMayReachApi();
        engine.subjects(Set.of(API, WEB));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(verdict(API, Direction.INGRESS, WEB, 81)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat(verdict(API, Direction.INGRESS, BATCH, 80)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat(verdict(API, Direction.EGRESS, BATCH, 80)).isEqualTo(CellAction.DEFAULT_ALLOW);
        assertThat(verdict(WEB, Direction.INGRESS, BATCH, 80)).isEqualTo(CellAction.DEFAULT_ALLOW);
        assertThat(engine.errors()).isEmpty();
        assertThat(engine.documents()).containsExactly("NetworkPolicy shop/api");
    }

    @Test
    void subjectsWithTheSameListShareATable() {
        webMayReachApi();
        apply(identity(BATCH, List.of("p1"), List.of()));

        engine.subjects(Set.of(API, BATCH));

        assertThat(table(API)).isEqualTo(table(BATCH)).isNotZero();
        assertThat(slot(API)).isNotEqualTo(slot(BATCH));
    }

    @Test
    void aSubjectWhosePolicyHasNotComeIsNotReady() {
        engine.subjects(Set.of(API));
        assertThat(engine.ready(API)).isEmpty();

        apply(identity(API, List.of(), List.of()));

        assertThat(engine.ready(API)).isPresent();
    }

    @Test
    void aNewIdentityIsOneEntryAndNobodyIsJudgedAgain() {
        webMayReachApi();
        engine.subjects(Set.of(API));
        long before = kernel.slot(slot(API));
        assertThat(verdict(API, Direction.INGRESS, STRANGER, 80)).isEqualTo(CellAction.DEFAULT_DENY);

        apply(identity(STRANGER, List.of(), List.of("web")));

        assertThat(verdict(API, Direction.INGRESS, STRANGER, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(kernel.slot(slot(API))).isEqualTo(before);
    }

    @Test
    void anIdentityThatLeavesASetHasOpenConnectionsJudgedAgain() {
        webMayReachApi();
        engine.subjects(Set.of(API));
        long before = kernel.slot(slot(API));

        apply(identity(WEB, List.of(), List.of()));

        long after = kernel.slot(slot(API));
        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat((int) after).isEqualTo((int) before);
        assertThat(after >>> 32).isGreaterThan(before >>> 32);
    }

    @Test
    void anIdentityThatIsGoneIsUnresolved() {
        webMayReachApi();
        engine.subjects(Set.of(API));

        apply(cluster.delete(Keys.identityPolicy(WEB)));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat(kernel.map("peer_classes_v1").lookup(Layout.peerKey(0, WEB))).isEmpty();
        assertThat(kernel.map("peer_classes_v1").lookup(Layout.peerKey(table(API), WEB)))
                .isEmpty();
    }

    @Test
    void anEditedPolicyComesUnderAFreshTableByOneStore() {
        webMayReachApi();
        engine.subjects(Set.of(API));
        long before = kernel.slot(slot(API));

        apply(cluster.put(Keys.rules("p1"), isolating("api", allow("web", 81))));

        long after = kernel.slot(slot(API));
        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat(verdict(API, Direction.INGRESS, WEB, 81)).isEqualTo(CellAction.ALLOW);
        assertThat((int) after).isNotEqualTo((int) before);
        assertThat(after >>> 32).isGreaterThan(before >>> 32);
        engine.takeRetired().forEach(Runnable::run);
        assertThat(kernel.map("tables_v1").keys()).hasSize(1);
    }

    @Test
    void aSetOfAddressesThatIsEditedComesUnderAFreshTable() {
        apply(cluster.put(Keys.peerSet("office"), addresses("10.0.0.0/8"))
                .put(Keys.rules("p1"), isolating("api", allow("office", 80)))
                .put(
                        Keys.identityPolicy(API),
                        IdentityPolicy.newBuilder().addPolicies("p1").build()));
        engine.subjects(Set.of(API));
        var fromOffice = new Packet(Direction.INGRESS, Identities.WORLD, false, parseAddress("10.1.2.3"), false, 6, 80);
        assertThat(Cell.action(kernel.judge(slot(API), fromOffice))).isEqualTo(CellAction.ALLOW);

        apply(cluster.put(Keys.peerSet("office"), addresses("11.0.0.0/8")));

        assertThat(Cell.action(kernel.judge(slot(API), fromOffice))).isEqualTo(CellAction.DEFAULT_DENY);
    }

    @Test
    void theYoungerOfTwoKeysSaysWhoIsInASet() {
        apply(identity(WEB, List.of(), List.of("web")));
        apply(identity(BATCH, List.of(), List.of()));
        apply(cluster.put(Keys.peerSet("web"), members(BATCH))
                .put(Keys.rules("p1"), isolating("api", allow("web", 80)))
                .put(
                        Keys.identityPolicy(API),
                        IdentityPolicy.newBuilder().addPolicies("p1").build()));
        engine.subjects(Set.of(API));
        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat(verdict(API, Direction.INGRESS, BATCH, 80)).isEqualTo(CellAction.ALLOW);

        apply(identity(WEB, List.of(), List.of("web")));
        apply(identity(BATCH, List.of(), List.of()));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(verdict(API, Direction.INGRESS, BATCH, 80)).isEqualTo(CellAction.DEFAULT_DENY);

        apply(cluster.put(Keys.peerSet("web"), members(BATCH)));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat(verdict(API, Direction.INGRESS, BATCH, 80)).isEqualTo(CellAction.ALLOW);
    }

    @Test
    void afterARestartTheTablesInForceAreTakenOverAsTheyAre() {
        webMayReachApi();
        engine.subjects(Set.of(API, WEB));
        apply(identity(STRANGER, List.of(), List.of("web", "other")));
        apply(identity(WEB, List.of(), List.of("other")));
        apply(identity(BATCH, List.of(), List.of("web")));
        Map<Integer, Integer> attached = Map.of(API, slot(API), WEB, slot(WEB));
        long api = kernel.slot(slot(API));
        long web = kernel.slot(slot(WEB));

        restart(Set.of(API, WEB), attached);

        assertThat(kernel.slot(slot(API))).isEqualTo(api);
        assertThat(kernel.slot(slot(WEB))).isEqualTo(web);
        engine.takeRetired().forEach(Runnable::run);
        assertThat(kernel.map("tables_v1").keys()).hasSize(2);
        apply(identity(4001, List.of(), List.of("web", "third")));
        assertThat(verdict(API, Direction.INGRESS, 4001, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.DEFAULT_DENY);
    }

    @Test
    void afterARestartWhatChangedMeanwhileIsChangedAndNothingIsLeftOver() {
        webMayReachApi();
        engine.subjects(Set.of(API));
        Map<Integer, Integer> attached = Map.of(API, slot(API));
        long before = kernel.slot(slot(API));
        cluster.put(Keys.rules("p1"), isolating("api", allow("web", 81))).commit();
        cluster.delete(Keys.identityPolicy(BATCH)).commit();

        restart(Set.of(API), attached);

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat(verdict(API, Direction.INGRESS, WEB, 81)).isEqualTo(CellAction.ALLOW);
        assertThat(kernel.slot(slot(API)) >>> 32).isGreaterThan(before >>> 32);
        assertThat(kernel.map("peer_classes_v1").lookup(Layout.peerKey(0, BATCH)))
                .isEmpty();
        engine.takeRetired().forEach(Runnable::run);
        assertThat(kernel.map("tables_v1").keys()).hasSize(1);
    }

    @Test
    void aPolicyThatIsNotUnderstoodLeavesTheLastTableAndDeniesNewSubjects() {
        webMayReachApi();
        engine.subjects(Set.of(API));
        var unknown = isolating("api", allow("web", 80)).toBuilder()
                .addRules(allow("web", 90).toBuilder().setActionValue(99))
                .build();

        apply(cluster.put(Keys.rules("p1"), unknown));
        apply(identity(BATCH, List.of("p1"), List.of()));
        engine.subjects(Set.of(API, BATCH));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(engine.ready(BATCH)).isEmpty();
        assertThat(engine.errors()).anySatisfy(error -> {
            assertThat(error.getSubject()).isEqualTo("NetworkPolicy shop/api");
            assertThat(error.getReason()).isEqualTo("not-understood");
        });
        assertThat(engine.obstacle(BATCH))
                .hasValueSatisfying(text -> assertThat(text).contains("NetworkPolicy shop/api"));

        apply(cluster.put(Keys.rules("p1"), isolating("api", allow("web", 80))));

        assertThat(engine.ready(BATCH)).isPresent();
        assertThat(engine.errors()).isEmpty();
    }

    @Test
    void afterARestartATableThatCannotBeMadeAnewStaysInForceAndDeniesWhoIsNew() {
        webMayReachApi();
        engine.subjects(Set.of(API));
        Map<Integer, Integer> attached = Map.of(API, slot(API));
        cluster.put(
                        Keys.rules("p1"),
                        isolating(
                                "api",
                                allow("web", 80).toBuilder().setActionValue(99).build()))
                .commit();

        restart(Set.of(API), attached);
        engine.takeRetired().forEach(Runnable::run);

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(engine.errors())
                .singleElement()
                .satisfies(error -> assertThat(error.getDocumentsList())
                        .as("by which documents the table in force judges, nobody knows any more")
                        .isEmpty());
        apply(identity(STRANGER, List.of(), List.of("web")));
        assertThat(verdict(API, Direction.INGRESS, STRANGER, 80)).isEqualTo(CellAction.DEFAULT_DENY);

        apply(cluster.put(Keys.rules("p1"), isolating("api", allow("web", 80))));
        engine.takeRetired().forEach(Runnable::run);

        assertThat(verdict(API, Direction.INGRESS, STRANGER, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(kernel.map("tables_v1").keys()).hasSize(1);
    }

    @Test
    void aFullMapRefusesANewTableAndKeepsTheOldOne() {
        kernel.close();
        use(Map.of("cells_v1", 40));
        webMayReachApi();
        engine.subjects(Set.of(API));
        List<Rule> many = new ArrayList<>();
        for (int port = 1000; port < 1060; port += 2) {
            many.add(allow("web", port));
        }
        int cells = kernel.entries("cells_v1");

        apply(cluster.put(Keys.rules("p1"), isolating("api", many.toArray(Rule[]::new))));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(kernel.entries("cells_v1")).isEqualTo(cells);
        assertThat(engine.errors()).anySatisfy(error -> {
            assertThat(error.getSubject()).isEqualTo("NetworkPolicy shop/api");
            assertThat(error.getReason()).isEqualTo("full");
            assertThat(error.getMessage()).contains("cells_v1", "40");
        });

        apply(cluster.put(Keys.rules("p1"), isolating("api", allow("web", 81))));

        assertThat(verdict(API, Direction.INGRESS, WEB, 81)).isEqualTo(CellAction.ALLOW);
        assertThat(engine.errors()).isEmpty();
    }

    @Test
    void anErrorNamesTheDocumentsByWhichAPodShouldBeJudgedAndThoseByWhichItIs() {
        kernel.close();
        use(Map.of("cells_v1", 40));
        webMayReachApi();
        engine.subjects(Set.of(API));
        List<Rule> many = new ArrayList<>();
        for (int port = 1000; port < 1060; port += 2) {
            many.add(allow("web", port));
        }

        apply(cluster.put(Keys.rules("p2"), isolating("big", many.toArray(Rule[]::new)))
                .put(Keys.rules("p3"), isolating("small", allow("web", 82)))
                .put(
                        Keys.identityPolicy(API),
                        IdentityPolicy.newBuilder()
                                .addPolicies("p2")
                                .addPolicies("p3")
                                .build()));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(engine.errors()).singleElement().satisfies(error -> {
            assertThat(error.getReason()).isEqualTo("full");
            assertThat(error.getDocumentsList())
                    .containsExactly("NetworkPolicy shop/api", "NetworkPolicy shop/big", "NetworkPolicy shop/small");
        });

        apply(identity(API, List.of("p1", "p3"), List.of()));

        assertThat(verdict(API, Direction.INGRESS, WEB, 82)).isEqualTo(CellAction.ALLOW);
        assertThat(engine.errors()).isEmpty();
    }

    @Test
    void anErrorNamesNoDocumentWhereOneOfThemIsNotKnown() {
        webMayReachApi();
        engine.subjects(Set.of(API));

        apply(identity(API, List.of("p1", "p2"), List.of()));

        assertThat(engine.errors()).singleElement().satisfies(error -> {
            assertThat(error.getReason()).isEqualTo("missing");
            assertThat(error.getDocumentsList()).isEmpty();
        });

        apply(cluster.put(Keys.rules("p2"), isolating("two", allow("web", 81))));

        assertThat(verdict(API, Direction.INGRESS, WEB, 81)).isEqualTo(CellAction.ALLOW);
        assertThat(engine.errors()).isEmpty();
    }

    @Test
    void anIdentityForWhichThereIsNoRoomStaysUnresolvedUntilThereIs() {
        kernel.close();
        use(Map.of("peer_classes_v1", 24));
        webMayReachApi();
        engine.subjects(Set.of(API));
        List<Integer> added = new ArrayList<>();
        for (int identity = 5000; engine.errors().isEmpty(); identity++) {
            apply(identity(identity, List.of(), List.of("web")));
            added.add(identity);
        }
        int last = added.getLast();

        assertThat(verdict(API, Direction.INGRESS, last, 80)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat(verdict(API, Direction.INGRESS, added.getFirst(), 80)).isEqualTo(CellAction.ALLOW);
        assertThat(kernel.map("peer_classes_v1").lookup(Layout.peerKey(0, last)))
                .isEmpty();

        apply(cluster.delete(Keys.identityPolicy(added.getFirst())));

        assertThat(verdict(API, Direction.INGRESS, last, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(engine.errors()).isEmpty();
        assertThat(engine.hasFailures()).isFalse();
    }

    @Test
    void whomAFullMapKeepsOutOfItsClassIsDeniedAndOpenConnectionsAreJudgedAgain() {
        kernel.close();
        use(Map.of("peer_classes_v1", 40));
        everybodyButBadMayReachApi();
        engine.subjects(Set.of(API, WEB));
        List<Integer> added = new ArrayList<>();
        for (int identity = 5000; engine.errors().isEmpty(); identity++) {
            apply(identity(identity, List.of(), List.of("web")));
            added.add(identity);
        }
        assertThat(verdict(API, Direction.INGRESS, BATCH, 80)).isEqualTo(CellAction.ALLOW);
        long api = generation(API);
        long web = generation(WEB);

        apply(identity(BATCH, List.of(), List.of("bad")));

        assertThat(verdict(API, Direction.INGRESS, BATCH, 80)).isEqualTo(CellAction.DENY);
        assertThat(generation(API)).isGreaterThan(api);
        assertThat(generation(WEB)).as("whose packets it may not know any more").isGreaterThan(web);
        assertThat(engine.errors()).isNotEmpty();

        for (int identity : added.subList(0, 4)) {
            cluster.delete(Keys.identityPolicy(identity));
        }
        apply(cluster);

        assertThat(engine.errors()).isEmpty();
        assertThat(engine.hasFailures()).isFalse();
        assertThat(verdict(API, Direction.INGRESS, BATCH, 80)).isEqualTo(CellAction.DENY);
        assertThat(verdict(API, Direction.INGRESS, BATCH, 81)).isEqualTo(CellAction.ALLOW);
        assertThat(verdict(API, Direction.INGRESS, added.getLast(), 80)).isEqualTo(CellAction.ALLOW);
    }

    @Test
    void whoseClassHasNoRoomForItsCellsIsDeniedAndOpenConnectionsAreJudgedAgain() {
        everybodyButBadMayReachApi();
        engine.subjects(Set.of(API));
        int cells = kernel.entries("cells_v1");
        kernel.close();
        use(Map.of("cells_v1", cells));
        apply(identity(WEB, List.of(), List.of("web")));
        engine.subjects(Set.of(API));
        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.ALLOW);
        long before = generation(API);

        apply(identity(WEB, List.of(), List.of("web", "bad")));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.DENY);
        assertThat(generation(API)).isGreaterThan(before);
        assertThat(engine.errors())
                .singleElement()
                .satisfies(error -> assertThat(error.getReason()).isEqualTo("full"));

        apply(identity(WEB, List.of(), List.of("web")));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.ALLOW);
        assertThat(engine.errors()).isEmpty();
    }

    @Test
    void anIdentityForWhichNoClassIsLeftIsDeniedAndOpenConnectionsAreJudgedAgain() {
        List<String> sets = new ArrayList<>();
        List<Rule> rules = new ArrayList<>();
        for (int bit = 0; bit < 16; bit++) {
            sets.add("s" + bit);
            rules.add(allow("s" + bit, 80));
            cluster.put(Keys.peerSet("s" + bit), members());
        }
        apply(cluster);
        // each combination of sets is a class; two fewer than there are, as of the 16 bits classes have three are
        // spoken for
        for (int combination = 1; combination <= 0xffff - 2; combination++) {
            BitSet in = BitSet.valueOf(new long[] {combination});
            identity(
                    1000 + combination,
                    List.of(),
                    in.stream().mapToObj(sets::get).toList());
            if (combination % 500 == 0) {
                apply(cluster);
            }
        }
        apply(cluster.put(Keys.rules("p1"), isolating("api", rules.toArray(Rule[]::new)))
                .put(
                        Keys.identityPolicy(API),
                        IdentityPolicy.newBuilder().addPolicies("p1").build())
                .put(
                        Keys.identityPolicy(WEB),
                        IdentityPolicy.newBuilder().addSets("s0").build()));
        engine.subjects(Set.of(API));
        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.ALLOW);
        long before = generation(API);

        apply(identity(WEB, List.of(), sets.subList(1, 16)));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat(generation(API)).isGreaterThan(before);
        assertThat(engine.errors())
                .singleElement()
                .satisfies(error -> assertThat(error.getReason()).isEqualTo("too-many-classes"));
    }

    @Test
    void underATableThatCannotBeMadeAnewWhoMovesHasOpenConnectionsJudgedAgain() {
        webMayReachApi();
        engine.subjects(Set.of(API));
        Map<Integer, Integer> attached = Map.of(API, slot(API));
        cluster.put(
                        Keys.rules("p1"),
                        isolating(
                                "api",
                                allow("web", 80).toBuilder().setActionValue(99).build()))
                .commit();
        restart(Set.of(API), attached);
        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.ALLOW);
        long before = generation(API);

        apply(cluster.delete(Keys.identityPolicy(WEB)));

        assertThat(verdict(API, Direction.INGRESS, WEB, 80)).isEqualTo(CellAction.DEFAULT_DENY);
        assertThat(generation(API)).isGreaterThan(before);
    }

    @Test
    void afterARestartWhoIsGoneHasOpenConnectionsJudgedAgain() {
        everybodyButBadMayReachApi();
        engine.subjects(Set.of(API));
        Map<Integer, Integer> attached = Map.of(API, slot(API));
        int table = table(API);
        long before = generation(API);
        cluster.delete(Keys.identityPolicy(BATCH)).commit();

        restart(Set.of(API), attached);

        assertThat(table(API)).isEqualTo(table);
        assertThat(generation(API)).isGreaterThan(before);
    }

    @Test
    void aRevisionThatFailsHalfWayHasEveryConnectionJudgedAgain() {
        everybodyButBadMayReachApi();
        engine.subjects(Set.of(API));
        long before = generation(API);
        numbersFail = true;

        assertThatThrownBy(() -> apply(cluster.delete(Keys.identityPolicy(BATCH))
                        .put(Keys.rules("p1"), isolating("api", allow("web", 82)))))
                .hasMessage("the disk is full");

        assertThat(generation(API)).isGreaterThan(before);
    }

    @Test
    void howeverFullTheMapsAreNobodyMayMoreThanTheViewSaysAndNoConnectionOutlivesItsPolicy() {
        long seed = Long.getLong("pilus.seed", new Random().nextLong());
        var random = new Random(seed);
        var deny0 = allow("s0", 80).toBuilder().setAction(Action.ACTION_DENY).build();
        var any = allow("s0", 80).toBuilder().clearPeerSets().setAnyPeer(true).build();
        Map<Integer, CompiledPolicy> policies = Map.of(
                API, isolating("api", deny0, any, allow("s1", 81), allow("s2", 82)),
                WEB, isolating("web", allow("s2", 80), allow("s3", 81)));
        for (int set = 0; set < 4; set++) {
            cluster.put(Keys.peerSet("s" + set), members());
        }
        policies.forEach((subject, policy) -> cluster.put(Keys.rules("p" + subject), policy));
        apply(cluster);
        for (int subject : policies.keySet()) {
            apply(identity(subject, List.of("p" + subject), List.of()));
        }
        engine.subjects(policies.keySet());
        Map<String, Integer> room = new HashMap<>();
        for (String map : List.of("cells_v1", "peer_classes_v1")) {
            room.put(map, kernel.entries(map) + random.nextInt(20));
        }
        kernel.close();
        use(room);
        engine.start(policies.keySet(), Map.of());
        var index = new PeerIndex();
        for (int set = 0; set < 4; set++) {
            index.putSet("s" + set, members(), 1);
        }
        policies.keySet().forEach(subject -> index.putIdentity(subject, List.of(), 1));
        Map<String, Long> open = new HashMap<>();
        for (int step = 2; step < 300; step++) {
            for (int change = 0; change < 3; change++) {
                int identity = 400 + random.nextInt(12);
                if (random.nextInt(4) == 0) {
                    cluster.delete(Keys.identityPolicy(identity));
                    index.removeIdentity(identity);
                } else {
                    List<String> sets = BitSet.valueOf(new long[] {random.nextInt(16)}).stream()
                            .mapToObj(set -> "s" + set)
                            .toList();
                    identity(identity, List.of(), sets);
                    index.putIdentity(identity, sets, step);
                }
            }
            apply(cluster);
            if (random.nextInt(5) == 0) {
                engine.retry();
            }
            engine.takeRetired().forEach(Runnable::run);
            for (int subject : policies.keySet()) {
                VerdictTable expected = ((Compilation.Compiled) TableCompiler.compile(
                                List.of(new AppliedPolicy(
                                        "p" + subject,
                                        policies.getOrDefault(subject, CompiledPolicy.getDefaultInstance()))),
                                index,
                                this::number))
                        .table();
                for (int peer = 400; peer < 412; peer++) {
                    for (int port = 80; port < 83; port++) {
                        String connection = subject + " from " + peer + " at " + port;
                        CellAction now = verdict(subject, Direction.INGRESS, peer, port);
                        CellAction wanted = Cell.action(expected.verdict(
                                Direction.INGRESS, peer, index.isKnown(peer), parseAddress("10.9.9.9"), true, 6, port));
                        var place = "seed %d, step %d: %s".formatted(seed, step, connection);
                        if (now.allows()) {
                            assertThat(wanted).as(place).matches(CellAction::allows);
                            open.put(connection, generation(subject));
                        } else {
                            Long opened = open.remove(connection);
                            assertThat(generation(subject)).as(place).isGreaterThan(opened == null ? -1 : opened);
                        }
                        if (engine.errors().isEmpty()) {
                            assertThat(now).as(place).isEqualTo(wanted);
                        }
                    }
                }
            }
        }
        for (int identity = 400; identity < 412; identity++) {
            cluster.delete(Keys.identityPolicy(identity));
        }
        apply(cluster);
        engine.retry();
        assertThat(engine.errors()).as("seed %d", seed).isEmpty();
        assertThat(engine.hasFailures()).as("seed %d", seed).isFalse();
    }

    @Test
    void whateverHappensTheKernelJudgesAsTheViewSays() {
        long seed = Long.getLong("pilus.seed", new Random().nextLong());
        var random = new Random(seed);
        var world = new PolicyWorld(random);
        for (int step = 0; step < 250; step++) {
            world.change(cluster);
            apply(cluster);
            engine.subjects(world.subjects());
            if (random.nextInt(4) == 0) {
                engine.takeRetired().forEach(Runnable::run);
            }
            if (random.nextInt(20) == 0) {
                Map<Integer, Integer> attached = new HashMap<>();
                world.subjects()
                        .forEach(subject -> engine.ready(subject).ifPresent(slot -> attached.put(subject, slot)));
                restart(world.subjects(), attached);
            }
            assertThat(engine.errors()).as("seed %d, step %d", seed, step).isEmpty();
            for (int subject : world.subjects()) {
                if (!engine.isKnown(subject)) {
                    continue;
                }
                int slot = engine.ready(subject).orElseThrow();
                VerdictTable expected = world.table(subject, this::number);
                for (int i = 0; i < 20; i++) {
                    Packet packet = world.packet();
                    long wanted = expected.verdict(
                            packet.direction(),
                            packet.identity(),
                            packet.known(),
                            packet.address(),
                            packet.managed(),
                            packet.protocol(),
                            packet.port());
                    assertThat(Cell.format(kernel.judge(slot, packet)))
                            .as("seed %d, step %d, subject %d: %s", seed, step, subject, packet)
                            .isEqualTo(Cell.format(wanted));
                }
            }
        }
        engine.takeRetired().forEach(Runnable::run);
        engine.subjects(Set.of());
        engine.takeRetired().forEach(Runnable::run);
        assertThat(kernel.entries("cells_v1")).as("seed %d", seed).isZero();
        assertThat(kernel.entries("tables_v1")).as("seed %d", seed).isZero();
        assertThat(kernel.entries("port_classes_v1")).as("seed %d", seed).isZero();
        assertThat(kernel.entries("address_classes_v1")).as("seed %d", seed).isZero();
    }

    private void webMayReachApi() {
        apply(cluster.put(Keys.peerSet("web"), members(WEB))
                .put(Keys.peerSet("other"), members())
                .put(Keys.rules("p1"), isolating("api", allow("web", 80)))
                .put(
                        Keys.identityPolicy(API),
                        IdentityPolicy.newBuilder().addPolicies("p1").build())
                .put(
                        Keys.identityPolicy(WEB),
                        IdentityPolicy.newBuilder().addSets("web").build())
                .put(Keys.identityPolicy(BATCH), IdentityPolicy.getDefaultInstance()));
    }

    private void everybodyButBadMayReachApi() {
        var deny = allow("bad", 80).toBuilder().setAction(Action.ACTION_DENY).build();
        var everybody = allow("web", 80).toBuilder().clearPeerSets().setAnyPeer(true);
        everybody.getPortsBuilder(0).setLast(81);
        apply(cluster.put(Keys.peerSet("web"), members(WEB))
                .put(Keys.peerSet("bad"), members())
                .put(Keys.rules("p1"), isolating("api", deny, everybody.build(), allow("web", 82)))
                .put(
                        Keys.identityPolicy(API),
                        IdentityPolicy.newBuilder().addPolicies("p1").build())
                .put(
                        Keys.identityPolicy(WEB),
                        IdentityPolicy.newBuilder().addSets("web").build())
                .put(Keys.identityPolicy(BATCH), IdentityPolicy.getDefaultInstance()));
    }

    private void apply(ClusterFixture revision) {
        engine.apply(revision.commit());
    }

    private ClusterFixture identity(int id, List<String> policies, List<String> sets) {
        return cluster.put(
                Keys.identityPolicy(id),
                IdentityPolicy.newBuilder()
                        .addAllPolicies(policies)
                        .addAllSets(sets)
                        .build());
    }

    private void use(Map<String, Integer> maxEntries) {
        kernel = new KernelFixture(maxEntries);
        engine = engine();
    }

    private void restart(Set<Integer> subjects, Map<Integer, Integer> attached) {
        engine = engine();
        engine.start(subjects, attached);
    }

    private PolicyEngine engine() {
        PolicyMaps maps = kernel.maps();
        return new PolicyEngine(cluster.view(), KernelTables.open(maps), Slots.open(maps), this::number);
    }

    private int number(RuleRef rule) {
        if (numbersFail) {
            throw new IllegalStateException("the disk is full");
        }
        return numbers.computeIfAbsent(rule, _ -> numbers.size() + 16);
    }

    private CellAction verdict(int subject, Direction direction, int peer, int port) {
        var packet = new Packet(direction, peer, true, parseAddress("10.9.9.9"), true, 6, port);
        return Cell.action(kernel.judge(slot(subject), packet));
    }

    private int slot(int subject) {
        return engine.slot(subject).orElseThrow();
    }

    private long generation(int subject) {
        return kernel.slot(slot(subject)) >>> 32;
    }

    private int table(int subject) {
        return (int) kernel.slot(slot(subject));
    }

    static CompiledPolicy isolating(String name, Rule... rules) {
        return CompiledPolicy.newBuilder()
                .setKind("NetworkPolicy")
                .setNamespace("shop")
                .setName(name)
                .setTier(Tier.TIER_NAMESPACE)
                .setIsolatesIngress(true)
                .addAllRules(List.of(rules))
                .build();
    }

    static Rule allow(String set, int port) {
        return Rule.newBuilder()
                .setPath("ingress[0]")
                .setDirection(io.pilus.contract.v1.Direction.DIRECTION_INGRESS)
                .setAction(Action.ACTION_ALLOW)
                .addPeerSets(set)
                .addPorts(PortRange.newBuilder()
                        .setProtocol(Protocol.PROTOCOL_TCP)
                        .setFirst(port)
                        .setLast(port))
                .build();
    }

    static PeerSet members(Integer... identities) {
        var bitmap = new RoaringBitmap();
        for (int identity : identities) {
            bitmap.add(identity);
        }
        return members(bitmap);
    }

    static PeerSet members(RoaringBitmap bitmap) {
        ByteBuffer bytes = ByteBuffer.allocate(bitmap.serializedSizeInBytes());
        bitmap.serialize(bytes);
        return PeerSet.newBuilder()
                .setIdentities(ByteString.copyFrom(bytes.flip()))
                .build();
    }

    static PeerSet addresses(String cidr) {
        return PeerSet.newBuilder()
                .setAddresses(Addresses.newBuilder().setCidr(parse(cidr)))
                .build();
    }
}

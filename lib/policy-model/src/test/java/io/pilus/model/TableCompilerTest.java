package io.pilus.model;

import static io.pilus.model.Direction.EGRESS;
import static io.pilus.model.Direction.INGRESS;
import static io.pilus.model.PolicyBuilder.admin;
import static io.pilus.model.PolicyBuilder.allow;
import static io.pilus.model.PolicyBuilder.allowEverybody;
import static io.pilus.model.PolicyBuilder.block;
import static io.pilus.model.PolicyBuilder.deny;
import static io.pilus.model.PolicyBuilder.isolating;
import static io.pilus.model.PolicyBuilder.tcp;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.pilus.contract.Identities;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.PeerSet;
import io.pilus.contract.v1.PortRange;
import io.pilus.contract.v1.Rule;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TableCompilerTest {

    private static final int TCP = 6;
    private static final int UDP = 17;
    private static final int SHOP = 256;
    private static final int STRANGER = 257;
    private static final int UNKNOWN = 999;

    private final PeerIndex peers = new PeerIndex();
    private final TableMatchesRulesTest.SomeNumbers numbers = new TableMatchesRulesTest.SomeNumbers();
    private long revision = 1;

    @Test
    void nothingAppliesToASubjectWithoutPolicies() {
        VerdictTable table = compile();

        assertThat(verdict(table, INGRESS, UNKNOWN, "10.0.0.1", UDP, 53)).isEqualTo("DEFAULT_ALLOW -");
        assertThat(table.hasAddressHalf()).isFalse();
        assertThat(table.portLengths()).isZero();
    }

    @Test
    void theFirstDocumentThatIsolatesIsNamedWhereNothingAllows() {
        member(SHOP, "shop");
        VerdictTable table = compile(isolating("a", allow("ingress[0]", List.of("shop"), tcp(80))), isolating("b"));

        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 80))
                .isEqualTo("ALLOW NetworkPolicy shop/a ingress[0]");
        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 81))
                .isEqualTo("DEFAULT_DENY NetworkPolicy shop/a default-deny ingress");
        assertThat(verdict(table, INGRESS, STRANGER, "10.0.0.1", TCP, 80)).startsWith("DEFAULT_DENY");
        assertThat(verdict(table, EGRESS, STRANGER, "10.0.0.1", TCP, 80)).isEqualTo("DEFAULT_ALLOW -");
    }

    @Test
    void aNodeAlwaysReachesItsPodsOnEveryPortClass() {
        member(SHOP, "shop");
        VerdictTable table = compile(
                admin(
                        "no",
                        0,
                        deny("ingress[0]", List.of(), tcp(80)).toBuilder()
                                .setAnyPeer(true)
                                .build()),
                isolating("a", allow("ingress[0]", List.of("shop"), tcp(80), tcp(443))));

        assertThat(verdict(table, INGRESS, Identities.HOST, "10.0.0.1", TCP, 80))
                .isEqualTo("NODE -");
        assertThat(verdict(table, INGRESS, Identities.HOST, "10.0.0.1", UDP, 1)).isEqualTo("NODE -");
        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 80)).startsWith("DENY");
        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 443)).startsWith("ALLOW");
    }

    @Test
    void anUnknownIdentityGetsOnlyWhatEverybodyGets() {
        member(SHOP, "shop");
        VerdictTable table = compile(
                admin("no", 0, deny("ingress[0]", List.of("shop"), tcp(80))),
                isolating("a", allowEverybody("ingress[0]", tcp(80, 81)), allow("ingress[1]", List.of("shop"))));

        assertThat(verdict(table, INGRESS, STRANGER, "10.0.0.1", TCP, 80)).startsWith("ALLOW");
        assertThat(verdict(table, INGRESS, UNKNOWN, "10.0.0.1", TCP, 80))
                .isEqualTo("DENY NetworkPolicy shop/no ingress[0]");
        assertThat(verdict(table, INGRESS, UNKNOWN, "10.0.0.1", TCP, 81)).startsWith("ALLOW");
        assertThat(verdict(table, INGRESS, UNKNOWN, "10.0.0.1", TCP, 82)).startsWith("DEFAULT_DENY");
    }

    @Test
    void anExceptStopsOnlyItsOwnRule() {
        set("wide", block("10.0.0.0/8", "10.1.0.0/16"));
        set("deep", block("10.1.2.0/24", "10.1.2.4/32"));
        VerdictTable table = compile(isolating(
                "a", allow("ingress[0]", List.of("wide"), tcp(80)), allow("ingress[1]", List.of("deep"), tcp(80))));

        assertThat(verdict(table, INGRESS, UNKNOWN, "10.2.0.1", TCP, 80)).endsWith("ingress[0]");
        assertThat(verdict(table, INGRESS, UNKNOWN, "10.1.2.3", TCP, 80)).endsWith("ingress[1]");
        assertThat(verdict(table, INGRESS, UNKNOWN, "10.1.2.4", TCP, 80)).startsWith("DEFAULT_DENY");
        assertThat(verdict(table, INGRESS, UNKNOWN, "10.1.3.1", TCP, 80)).startsWith("DEFAULT_DENY");
    }

    @Test
    void allOfIpv6IsNotIpv4() {
        set("six", block("::/0"));
        VerdictTable table = compile(isolating("a", allow("ingress[0]", List.of("six"))));

        assertThat(verdict(table, INGRESS, Identities.WORLD, "2001:db8::1", TCP, 80))
                .startsWith("ALLOW");
        assertThat(verdict(table, INGRESS, Identities.WORLD, "192.0.2.1", TCP, 80))
                .startsWith("DEFAULT_DENY");
    }

    @Test
    void aBlockForUnmanagedAddressesDoesNotOpenPods() {
        set(
                "anywhere",
                block("0.0.0.0/0").toBuilder()
                        .setAddresses(
                                block("0.0.0.0/0").getAddresses().toBuilder().setUnmanagedOnly(true))
                        .build());
        VerdictTable table = compile(isolating("a", allow("ingress[0]", List.of("anywhere"))));

        ByteString address = Prefixes.parseAddress("10.0.0.1");
        assertThat(Cell.allows(table.verdict(INGRESS, Identities.WORLD, true, address, false, TCP, 80)))
                .isTrue();
        assertThat(Cell.allows(table.verdict(INGRESS, SHOP, true, address, true, TCP, 80)))
                .isFalse();
    }

    @Test
    void peersAndPortsAddUp() {
        List<PortRange> ports =
                IntStream.range(0, 10).mapToObj(i -> tcp(8000 + 2 * i)).toList();
        IntStream.range(0, 5000).forEach(i -> member(1000 + i, "many"));
        VerdictTable table =
                compile(isolating("a", allow("ingress[0]", List.of("many"), ports.toArray(PortRange[]::new))));

        assertThat(table.peerClasses()).hasSize(5000 + 8);
        assertThat(table.portClasses()).hasSize(10);
        assertThat(table.cells().keySet().stream()
                        .filter(key -> key.peer() > 2 && key.half() == Half.PEER)
                        .count())
                .isEqualTo(1);
    }

    @Test
    void aRangeIsAtMostThirtyPrefixes() {
        VerdictTable table = compile(isolating("a", allowEverybody("ingress[0]", tcp(1, 65534))));

        assertThat(table.portClasses()).hasSize(30);
        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 0)).startsWith("DEFAULT_DENY");
        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 1)).startsWith("ALLOW");
        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 65534)).startsWith("ALLOW");
        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 65535)).startsWith("DEFAULT_DENY");
    }

    @Test
    void allPortsOfAProtocolAreOnePrefixOfLengthZero() {
        VerdictTable table = compile(isolating("a", allowEverybody("ingress[0]", tcp(0, 65535))));

        assertThat(table.portClasses()).containsOnlyKeys(new PortKey(TCP, 0, 0));
        assertThat(table.portLengths()).isEqualTo(1);
        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 9)).startsWith("ALLOW");
        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", UDP, 9)).startsWith("DEFAULT_DENY");
    }

    @Test
    void aRuleWhosePortsNothingServesMatchesNothing() {
        Rule unserved = allowEverybody("ingress[0]").toBuilder().setNoPort(true).build();

        VerdictTable table = compile(isolating("a", unserved));

        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 80)).startsWith("DEFAULT_DENY");
    }

    @Test
    void aListThatNeedsTooManyClassesIsRefusedWithTheDocumentThatPassedTheLimit() {
        List<Rule> rules = new ArrayList<>();
        for (int i = 0; i <= PortClasses.LIMIT; i++) {
            rules.add(allowEverybody("ingress[" + i + "]", tcp(i)));
        }

        var outcome = TableCompiler.compile(
                List.of(isolating("small"), isolating("huge", rules.toArray(Rule[]::new))), peers, numbers);

        assertThat(outcome)
                .isInstanceOfSatisfying(
                        Compilation.TooMany.class,
                        tooMany -> assertThat(tooMany.message())
                                .contains("NetworkPolicy shop/huge", "65535 classes of ports"));
    }

    @Test
    void manyBlocksInOneRuleAreOneClass() {
        List<String> sets = new ArrayList<>();
        for (int i = 0; i < 20_000; i++) {
            String cidr = "10." + (i >> 8) + "." + (i & 255) + ".0/25";
            set(cidr, block(cidr));
            sets.add(cidr);
        }

        VerdictTable table = compile(isolating("a", allow("ingress[0]", sets, tcp(80))));

        assertThat(table.addressClasses()).hasSize(20_000);
        assertThat(table.cells().keySet().stream().filter(key -> key.half() == Half.MANAGED))
                .hasSize(1);
    }

    @Test
    void whatThisVersionDoesNotKnowIsRefusedAndNeverLeftOut() {
        Rule strange =
                allowEverybody("ingress[0]").toBuilder().setActionValue(77).build();
        Rule missing = allow("ingress[1]", List.of("not-here"));

        assertThat(TableCompiler.compile(List.of(isolating("a", strange)), peers, numbers))
                .isInstanceOfSatisfying(
                        Compilation.NotUnderstood.class,
                        refused -> assertThat(refused.message())
                                .isEqualTo("NetworkPolicy shop/a ingress[0]: its action is not known to this version"));
        assertThat(TableCompiler.compile(List.of(isolating("a", missing)), peers, numbers))
                .isInstanceOf(Compilation.NotUnderstood.class);
        assertThat(Action.forNumber(77)).isNull();
    }

    @Test
    void cellsOfANewClassComeBeforeTheEntryThatLeadsToThem() {
        set("shop", PeerSet.getDefaultInstance());
        VerdictTable table = compile(isolating("a", allow("ingress[0]", List.of("shop"), tcp(80))));

        TableDelta first = table.introduce(SHOP, List.of("shop", "elsewhere")).orElseThrow();
        TableDelta second = table.introduce(STRANGER, List.of("shop")).orElseThrow();
        TableDelta gone = table.forget(SHOP);

        assertThat(first.takesAway()).isFalse();
        assertThat(first.changes()).hasSize(2);
        assertThat(first.changes().getFirst()).isInstanceOf(MapChange.PutCell.class);
        assertThat(first.changes().getLast()).isInstanceOf(MapChange.PutPeerClass.class);
        assertThat(second.changes()).singleElement().isInstanceOf(MapChange.PutPeerClass.class);
        assertThat(gone.changes()).containsExactly(new MapChange.RemovePeerClass(SHOP));
        assertThat(gone.takesAway()).isTrue();
        assertThat(verdict(table, INGRESS, STRANGER, "10.0.0.1", TCP, 80)).startsWith("ALLOW");
    }

    @Test
    void anIdentityThatLeavesASetLosesWhatTheSetWasAllowed() {
        member(SHOP, "shop");
        VerdictTable table = compile(isolating("a", allow("ingress[0]", List.of("shop"), tcp(80))));

        TableDelta delta = table.reclassify(SHOP, List.of()).orElseThrow();

        assertThat(delta.takesAway()).isTrue();
        assertThat(verdict(table, INGRESS, SHOP, "10.0.0.1", TCP, 80)).startsWith("DEFAULT_DENY");
    }

    private VerdictTable compile(AppliedPolicy... policies) {
        Compilation outcome = TableCompiler.compile(List.of(policies), peers, numbers);
        assertThat(outcome).isInstanceOf(Compilation.Compiled.class);
        return ((Compilation.Compiled) outcome).table();
    }

    private void member(int identity, String set) {
        if (peers.identities(set) == null) {
            set(set, PeerSet.getDefaultInstance());
        }
        peers.putIdentity(identity, List.of(set), ++revision);
        if (!peers.isKnown(STRANGER)) {
            peers.putIdentity(STRANGER, List.of(), ++revision);
        }
    }

    private void set(String id, PeerSet set) {
        peers.putSet(id, set, ++revision);
    }

    private String verdict(
            VerdictTable table, Direction direction, int identity, String address, int protocol, int port) {
        long cell = table.verdict(
                direction, identity, identity != UNKNOWN, Prefixes.parseAddress(address), true, protocol, port);
        return Cell.action(cell) + " "
                + numbers.rule(Cell.rule(cell)).map(RuleRef::toString).orElse("-");
    }
}

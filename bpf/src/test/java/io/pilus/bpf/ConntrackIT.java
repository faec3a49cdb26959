package io.pilus.bpf;

import static io.pilus.bpf.Datapath.ALLOW;
import static io.pilus.bpf.Datapath.DEFAULT_ALLOW;
import static io.pilus.bpf.Datapath.DEFAULT_DENY;
import static io.pilus.bpf.Datapath.INGRESS;
import static io.pilus.bpf.Datapath.REDIRECT;
import static io.pilus.bpf.Datapath.SHOT;
import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.libbpf.BpfMap;
import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ConntrackIT {

    private Datapath datapath;

    @BeforeEach
    void load() {
        datapath = new Datapath();
    }

    @AfterEach
    void unload() {
        datapath.close();
    }

    @Test
    void theReplyOfAnAllowedConnectionPassesWhateverTheOtherDirectionsPolicy() {
        datapath.table(1, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.table(2, DEFAULT_ALLOW, DEFAULT_DENY);

        assertThat(open()).isEqualTo(REDIRECT);
        assertThat(reply(80, 40000, Frame.SYN, Frame.ACK)).isEqualTo(REDIRECT);
        assertThat(reply(80, 40001, Frame.SYN)).as("opened by b").isEqualTo(SHOT);
    }

    @Test
    void aResetEndsAConnectionAtOnceAndBeginsNone() {
        open();
        reply(80, 40000, Frame.SYN, Frame.ACK);
        assertThat(datapath.connections()).isEqualTo(1);

        assertThat(reply(80, 40000, Frame.RST, Frame.ACK)).isEqualTo(REDIRECT);
        assertThat(datapath.connections()).isZero();

        assertThat(reply(80, 40000, Frame.RST, Frame.ACK)).as("once more").isEqualTo(REDIRECT);
        assertThat(datapath.connections()).isZero();
        datapath.table(2, DEFAULT_DENY, DEFAULT_DENY);
        datapath.slot(2, 2);
        assertThat(reply(80, 40000, Frame.ACK)).as("judged anew").isEqualTo(SHOT);
    }

    @Test
    void bothDirectionsShareOneEntryThatCountsThem() {
        open();
        reply(80, 40000, Frame.SYN, Frame.ACK);
        datapath.sender("a");
        datapath.fromPod(new Frame().tcp(40000, 80, Frame.ACK));

        var entries = datapath.map("ct_current_v1").entries();

        assertThat(entries).hasSize(1);
        ByteBuffer entry = ByteBuffer.wrap(entries.getFirst().value()).order(ByteOrder.nativeOrder());
        assertThat(entry.getLong(32)).as("packets of the opener").isEqualTo(2);
        assertThat(entry.getLong(40)).as("packets of the receiver").isEqualTo(1);
        assertThat(entry.getLong(48)).as("bytes of the opener").isEqualTo(2 * 54);
    }

    @Test
    void aTightenedPolicyStopsAnEstablishedConnectionInBothDirections() {
        open();
        reply(80, 40000, Frame.SYN, Frame.ACK);

        datapath.table(3, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.slot(2, 3);

        assertThat(reply(80, 40000, Frame.ACK))
                .as("the first packet is a reply")
                .isEqualTo(SHOT);
        datapath.sender("a");
        assertThat(datapath.fromPod(new Frame().tcp(40000, 80, Frame.ACK))).isEqualTo(SHOT);
        assertThat(datapath.counters())
                .filteredOn(counter -> counter.verdict() == Verdicts.DROP_POLICY)
                .containsExactly(new Datapath.Counter(2, 1003, Verdicts.DROP_POLICY, INGRESS, 2));
    }

    @Test
    void aLoosenedPolicyLetsTheConnectionLiveAgain() {
        open();
        datapath.table(3, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.slot(2, 3);
        datapath.fromPod(new Frame().tcp(40000, 80, Frame.ACK));

        datapath.cell(3, 1, 0, INGRESS, 0, 100, ALLOW, 7);

        assertThat(datapath.fromPod(new Frame().tcp(40000, 80, Frame.ACK))).isEqualTo(REDIRECT);
    }

    @Test
    void aChangedTableThatStillAllowsKeepsTheConnection() {
        open();
        datapath.table(3, DEFAULT_ALLOW, DEFAULT_ALLOW);

        datapath.slot(2, 3);

        assertThat(reply(80, 40000, Frame.SYN, Frame.ACK)).isEqualTo(REDIRECT);
    }

    @Test
    void aPeerWithANewIdentityIsJudgedAgain() {
        datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.peerClass(2, Datapath.A, 2);
        datapath.cell(2, 2, 0, INGRESS, 0, 100, ALLOW, 7);
        datapath.known(302);
        assertThat(open()).isEqualTo(REDIRECT);

        byte[] endpoint = datapath.map("endpoints_v1").lookup(Datapath.int4(1)).orElseThrow();
        ByteBuffer.wrap(endpoint).order(ByteOrder.nativeOrder()).putInt(36, 302);
        datapath.map("endpoints_v1").update(Datapath.int4(1), endpoint);

        assertThat(datapath.fromPod(new Frame().tcp(40000, 80, Frame.ACK))).isEqualTo(SHOT);
    }

    @Test
    void anExpiredEntryOpensNothing() {
        datapath.table(1, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.table(2, DEFAULT_ALLOW, DEFAULT_DENY);
        datapath.fromPod(new Frame().udp(40000, 53));
        assertThat(replyByUdp()).isEqualTo(REDIRECT);

        datapath.age(200);

        assertThat(replyByUdp()).isEqualTo(SHOT);
    }

    @Test
    void aSegmentWithoutEntryIsJudgedAsAReplyToo() {
        datapath.table(1, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.table(2, DEFAULT_ALLOW, DEFAULT_DENY);

        assertThat(reply(80, 40000, Frame.ACK)).isEqualTo(REDIRECT);
        assertThat(reply(80, 40002, Frame.SYN)).as("this one opens").isEqualTo(SHOT);
        assertThat(reply(80, 40000, Frame.SYN))
                .as("behind a segment that had passed as a reply")
                .isEqualTo(SHOT);
    }

    @Test
    void aPacketThatAnotherCpuSawLaterThanThisOneReadTheClockDoesNotEndAConnection() {
        datapath.table(1, DEFAULT_DENY, DEFAULT_ALLOW);
        open();

        datapath.age(-1);

        assertThat(reply(80, 40000, Frame.SYN, Frame.ACK)).isEqualTo(REDIRECT);
    }

    @Test
    void anIcmpErrorAboutTheFirstFragmentOfAConnectionIsRelated() {
        Frame first = new Frame().from("fd00::2").to("fd00::3").udp(5000, 53).fragment(0, true);
        assertThat(datapath.fromPod(first)).isEqualTo(REDIRECT);
        datapath.sender("b");

        int related = datapath.fromPod(
                new Frame().mac(Datapath.MAC_B).from("fd00::3").to("fd00::2").icmpError(1, 4, first));

        assertThat(related).isEqualTo(REDIRECT);
    }

    @Test
    void aFullTableSendsNewConnectionsAsideAndDisplacesNone() {
        datapath.close();
        datapath = new Datapath(0, 16);
        open();
        for (int port = 50000; port < 50100; port++) {
            assertThat(datapath.fromPod(new Frame().tcp(port, 80, Frame.SYN))).isEqualTo(REDIRECT);
        }

        var table = datapath.map("ct_current_v1").keys();
        assertThat(table).hasSizeLessThanOrEqualTo(16 + 8);
        assertThat(reply(80, 40000, Frame.SYN, Frame.ACK)).isEqualTo(REDIRECT);
        assertThat(datapath.overflowed(0)).isGreaterThan(50);
    }

    @Test
    void aPodThatOpensTooManyConnectionsGetsThemAllButNotInTheTable() {
        datapath.close();
        datapath = new Datapath(0, 8192);
        datapath.table(2, DEFAULT_ALLOW, DEFAULT_DENY);

        for (int port = 1000; port < 4000; port++) {
            assertThat(datapath.fromPod(new Frame().udp(port, 53))).isEqualTo(REDIRECT);
        }

        // a second's tokens, and what comes in while the loop runs, up to the share
        assertThat(datapath.connections()).isBetween(Datapath.CONNECTION_RATE, Datapath.CONNECTION_SHARE);
        assertThat(datapath.overflowed(1)).isEqualTo(3000 - datapath.connections());
        datapath.sender("b");
        assertThat(datapath.fromPod(fromB().udp(53, 3999)))
                .as("the answer to the last one")
                .isEqualTo(REDIRECT);
    }

    @Test
    void anEntryThatIsOverIsUsedAgainByWhoIsOverBudget() {
        datapath.close();
        datapath = new Datapath(0, 8192);
        datapath.table(1, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.table(2, DEFAULT_ALLOW, DEFAULT_DENY);
        datapath.fromPod(new Frame().udp(40000, 53));
        datapath.age(200);
        for (int port = 1000; port < 4000; port++) {
            datapath.fromPod(new Frame().udp(port, 53));
        }
        assertThat(datapath.overflowed(1)).isPositive();

        datapath.fromPod(new Frame().udp(40000, 53));

        assertThat(replyByUdp()).isEqualTo(REDIRECT);
    }

    @Test
    void anIcmpErrorPassesOnlyForAConnectionThatIsOpen() {
        var about = new Frame().tcp(40000, 80, Frame.SYN);
        open();
        datapath.sender("b");

        int related = datapath.fromPod(fromB().icmpError(3, 4, about));
        int unrelated = datapath.fromPod(fromB().icmpError(3, 4, new Frame().tcp(40009, 80, Frame.SYN)));
        int others = datapath.fromPod(
                fromB().icmpError(3, 4, new Frame().to("10.0.0.9").tcp(40000, 80, Frame.SYN)));

        assertThat(related).isEqualTo(REDIRECT);
        assertThat(unrelated).isEqualTo(SHOT);
        assertThat(others).as("about a connection of somebody else").isEqualTo(SHOT);
        assertThat(datapath.count(Verdicts.DROP_ICMP_UNRELATED)).isEqualTo(2);
    }

    @Test
    void aLargerTableTakesOverWithoutLosingAConnection() {
        datapath.table(1, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.table(2, DEFAULT_ALLOW, DEFAULT_DENY);
        datapath.fromPod(new Frame().udp(40000, 53));

        try (BpfMap larger = grow(4096)) {
            assertThat(replyByUdp()).isEqualTo(REDIRECT);
            datapath.sender("a");
            datapath.fromPod(new Frame().udp(40001, 53));

            assertThat(larger.count()).as("new connections").isEqualTo(1);
            assertThat(datapath.connections()).as("those before").isEqualTo(1);
        }
    }

    @Test
    void whatBothTablesHaveMeansWhatTheLargerOneSays() {
        datapath.table(1, DEFAULT_DENY, DEFAULT_ALLOW);
        datapath.table(2, DEFAULT_ALLOW, DEFAULT_DENY);
        datapath.fromPod(new Frame().udp(40000, 53));
        try (BpfMap larger = grow(4096)) {
            datapath.age(200);
            assertThat(replyByUdp()).as("over").isEqualTo(SHOT);
            datapath.sender("a");

            datapath.fromPod(new Frame().udp(40000, 53));

            assertThat(larger.count()).isEqualTo(1);
            assertThat(datapath.connections()).isEqualTo(1);
            assertThat(replyByUdp()).as("opened again").isEqualTo(REDIRECT);
        }
    }

    @Test
    void aResetConnectionIsForgottenInBothTables() {
        datapath.table(1, DEFAULT_DENY, DEFAULT_ALLOW);
        open();
        datapath.age(200);
        try (BpfMap larger = grow(4096)) {
            open();
            datapath.age(-200);
            assertThat(larger.count()).isEqualTo(1);
            assertThat(datapath.connections()).as("of the first opening").isEqualTo(1);

            reply(80, 40000, Frame.RST, Frame.ACK);

            assertThat(larger.count()).isZero();
            assertThat(datapath.connections()).isZero();
        }
        CaseBook.open()
                .write(FaultCase.of(Chapter.GROWTH, "a connection is reset while its table is being replaced")
                        .done("both tables have an entry of the same ends; then a segment with RST")
                        .times(1)
                        .lost("nothing: neither entry is left")
                        .guard(
                                "a reset deletes in every table: with the deletion in the first that has it, the older entry"
                                        + " came to light again and the test failed with 1 connection left"));
    }

    /** What the agent does when the table fills. */
    private BpfMap grow(int entries) {
        BpfMap before = datapath.map("ct_current_v1");
        BpfMap larger = before.emptyCopy(entries);
        datapath.map("ct_v1").update(Datapath.int4(1), Datapath.int4(before.descriptor()));
        datapath.map("ct_v1").update(Datapath.int4(0), Datapath.int4(larger.descriptor()));
        return larger;
    }

    private int open() {
        datapath.sender("a");
        return datapath.fromPod(new Frame().tcp(40000, 80, Frame.SYN));
    }

    private int reply(int sourcePort, int destinationPort, int... flags) {
        datapath.sender("b");
        return datapath.fromPod(fromB().tcp(sourcePort, destinationPort, flags));
    }

    private int replyByUdp() {
        datapath.sender("b");
        return datapath.fromPod(fromB().udp(53, 40000));
    }

    private static Frame fromB() {
        return new Frame().mac(Datapath.MAC_B).from("10.0.0.3").to("10.0.0.2");
    }
}

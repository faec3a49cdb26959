package io.pilus.bpf;

import static io.pilus.bpf.Datapath.ALLOW;
import static io.pilus.bpf.Datapath.DEFAULT_ALLOW;
import static io.pilus.bpf.Datapath.DEFAULT_DENY;
import static io.pilus.bpf.Datapath.DENY;
import static io.pilus.bpf.Datapath.EGRESS;
import static io.pilus.bpf.Datapath.INGRESS;
import static io.pilus.bpf.Datapath.REDIRECT;
import static io.pilus.bpf.Datapath.SHOT;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PolicyIT {

    private static final int EXACT = 1 << 16;

    private Datapath datapath;

    @BeforeEach
    void load() {
        datapath = new Datapath();
    }

    @AfterEach
    void unload() {
        datapath.close();
    }

    @ParameterizedTest
    @CsvSource({"10.0.0.2, 10.0.0.3", "fd00::2, fd00::3"})
    void aPeerThatARuleAllowsReachesThatPortAndNoOther(String a, String b) {
        isolateB();
        allow(Datapath.A, 1, 80, Frame.TCP);

        int allowed = datapath.fromPod(new Frame().from(a).to(b).tcp(40000, 80, Frame.SYN));
        int otherPort = datapath.fromPod(new Frame().from(a).to(b).tcp(40001, 81, Frame.SYN));
        int otherProtocol = datapath.fromPod(new Frame().from(a).to(b).udp(40002, 80));
        int sctp = datapath.fromPod(new Frame().from(a).to(b).sctp(40003, 80));

        assertThat(allowed).isEqualTo(REDIRECT);
        assertThat(otherPort).isEqualTo(SHOT);
        assertThat(otherProtocol).isEqualTo(SHOT);
        assertThat(sctp).isEqualTo(SHOT);
    }

    @Test
    void everyVerdictNamesItsRule() {
        isolateB();
        allow(Datapath.A, 1, 80, Frame.TCP);

        datapath.fromPod(new Frame().tcp(40000, 80, Frame.SYN));
        datapath.fromPod(new Frame().tcp(40001, 81, Frame.SYN));

        assertThat(datapath.counters())
                .contains(
                        new Datapath.Counter(2, 7, Verdicts.ALLOW_POLICY, INGRESS, 1),
                        new Datapath.Counter(2, 1002, Verdicts.DROP_POLICY, INGRESS, 1));
        assertThat(datapath.events())
                .extracting(Datapath.Event::port, Datapath.Event::verdict, Datapath.Event::rule)
                .contains(
                        org.assertj.core.groups.Tuple.tuple(80, Verdicts.ALLOW_POLICY, 7),
                        org.assertj.core.groups.Tuple.tuple(81, Verdicts.DROP_POLICY, 1002));
    }

    @Test
    void aDenialWinsOverAPermissionOfTheSameRank() {
        isolateB();
        datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW, 1, EXACT);
        allow(Datapath.A, 1, 80, Frame.TCP);
        datapath.addressClass(2, "10.0.0.0", 96 + 24, 1);
        datapath.cell(2, 1, 1, INGRESS, 1, 100, DENY, 8);

        int result = datapath.fromPod(new Frame());

        assertThat(result).isEqualTo(SHOT);
        assertThat(datapath.count(Verdicts.DROP_POLICY_DENY)).isEqualTo(1);
    }

    @Test
    void anAddressRuleJudgesWhoeverHoldsTheAddress() {
        datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW, 1, EXACT);
        datapath.portClass(2, Frame.TCP, 80, 16, 1);
        datapath.addressClass(2, "10.0.0.2", 128, 1);
        datapath.cell(2, 1, 1, INGRESS, 1, 100, ALLOW, 8);

        assertThat(datapath.fromPod(new Frame())).isEqualTo(REDIRECT);
        assertThat(datapath.fromPod(new Frame().tcp(40001, 81, Frame.SYN))).isEqualTo(SHOT);
    }

    @Test
    void aRangeOfPortsIsAFewPrefixes() {
        datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW, 0, 1 << 13 | 1 << 16);
        datapath.peerClass(2, Datapath.A, 2);
        datapath.portClass(2, Frame.TCP, 8000, 13, 1);
        datapath.portClass(2, Frame.TCP, 8008, 16, 1);
        datapath.cell(2, 2, 1, INGRESS, 0, 100, ALLOW, 7);

        for (int port : new int[] {8000, 8007, 8008}) {
            assertThat(datapath.fromPod(new Frame().tcp(40000, port, Frame.SYN)))
                    .isEqualTo(REDIRECT);
        }
        for (int port : new int[] {7999, 8009}) {
            assertThat(datapath.fromPod(new Frame().tcp(40000, port, Frame.SYN)))
                    .isEqualTo(SHOT);
        }
    }

    @Test
    void anIdentityThatIsKnownButNamedNowhereIsCluster() {
        isolateB();
        datapath.cell(2, 1, 0, INGRESS, 0, 100, ALLOW, 9);

        assertThat(datapath.fromPod(new Frame())).isEqualTo(REDIRECT);
    }

    @Test
    void anIdentityThatIsNotKnownHereIsUnresolvedAndSaysSo() {
        isolateB();
        datapath.cell(2, 1, 0, INGRESS, 0, 100, ALLOW, 9);
        datapath.map("peer_classes_v1")
                .delete(Datapath.struct(8).putInt(0).putInt(Datapath.A).array());

        assertThat(datapath.fromPod(new Frame())).isEqualTo(SHOT);
        assertThat(datapath.count(Verdicts.DROP_UNRESOLVED)).isEqualTo(1);
    }

    @Test
    void withoutItsTableAPodNeitherSendsNorReceives() {
        datapath.slotOfSender(0);
        assertThat(datapath.fromPod(new Frame())).isEqualTo(SHOT);

        datapath.slotOfSender(1);
        datapath.map("tables_v1").delete(Datapath.int4(2));
        assertThat(datapath.fromPod(new Frame().tcp(40001, 80, Frame.SYN))).isEqualTo(SHOT);

        assertThat(datapath.count(Verdicts.DROP_NO_TABLE)).isEqualTo(2);
    }

    @Test
    void bothEndsMustAllow() {
        datapath.table(1, DEFAULT_ALLOW, DEFAULT_DENY);

        int result = datapath.fromPod(new Frame());

        assertThat(result).isEqualTo(SHOT);
        assertThat(datapath.counters()).containsExactly(new Datapath.Counter(1, 2001, Verdicts.DROP_POLICY, EGRESS, 1));
    }

    @Test
    void icmpIsJudgedByTypeAndCode() {
        datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW, 0, EXACT);
        datapath.peerClass(2, Datapath.A, 2);
        datapath.portClass(2, Frame.ICMP, 8 << 8, 16, 1);
        datapath.cell(2, 2, 1, INGRESS, 0, 100, ALLOW, 7);

        assertThat(datapath.fromPod(new Frame().icmp(8, 0, 5))).isEqualTo(REDIRECT);
        assertThat(datapath.fromPod(new Frame().icmp(13, 0, 6))).isEqualTo(SHOT);
        datapath.sender("b");
        assertThat(datapath.fromPod(new Frame()
                        .mac(Datapath.MAC_B)
                        .from("10.0.0.3")
                        .to("10.0.0.2")
                        .icmp(0, 0, 5)))
                .as("the reply")
                .isEqualTo(REDIRECT);
    }

    private void isolateB() {
        datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW, 0, EXACT);
    }

    private void allow(int identity, int portClass, int port, int protocol) {
        datapath.peerClass(2, identity, 2);
        datapath.portClass(2, protocol, port, 16, portClass);
        datapath.cell(2, 2, portClass, INGRESS, 0, 100, ALLOW, 7);
    }
}

package io.pilus.bpf;

import static io.pilus.bpf.Datapath.DEFAULT_ALLOW;
import static io.pilus.bpf.Datapath.DEFAULT_DENY;
import static io.pilus.bpf.Datapath.REDIRECT;
import static io.pilus.bpf.Datapath.SHOT;
import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What one pod's flood takes from the others. */
class FloodsIT {

    private static final int FLOOD = 200_000;
    private static final int IDLE = 1000;
    private static final int FRESH = 200;
    private static final int TABLE = 4096;
    private static final int SOURCE_PORT = 34;

    @Test
    void aPodThatOpensTwoHundredThousandConnectionsTakesNobodyElsesPlace() {
        try (var datapath = new Datapath(0, TABLE)) {
            // b may ask, and hears what it asked for and nothing else
            datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW);
            datapath.sender("b");
            for (int port = 0; port < IDLE; port++) {
                assertThat(datapath.fromPod(ask(10_000 + port))).isEqualTo(REDIRECT);
            }

            byte[] tuple = new Frame().to("198.51.100.1").udp(0, 53).bytes();
            datapath.sender("a");
            for (int i = 0; i < FLOOD; i++) {
                ByteBuffer.wrap(tuple).putShort(SOURCE_PORT, (short) i).putShort(SOURCE_PORT + 2, (short)
                        (53 + (i >> 16)));
                assertThat(datapath.run("from_pod", tuple).result()).isNotEqualTo(SHOT);
                if (i % (FLOOD / FRESH) == 0) {
                    datapath.sender("b");
                    datapath.fromPod(ask(20_000 + i / (FLOOD / FRESH)));
                    datapath.sender("a");
                }
            }

            int answered = 0;
            for (int port = 0; port < IDLE; port++) {
                answered += datapath.fromPod(answer(10_000 + port)) == REDIRECT ? 1 : 0;
            }
            int fresh = 0;
            for (int port = 0; port < FRESH; port++) {
                fresh += datapath.fromPod(answer(20_000 + port)) == REDIRECT ? 1 : 0;
            }
            assertThat(answered).as("idle connections of b that still stand").isEqualTo(IDLE);
            assertThat(fresh).as("those that it opened meanwhile").isEqualTo(FRESH);
            assertThat(datapath.connections()).isLessThanOrEqualTo(IDLE + FRESH + Datapath.CONNECTION_SHARE);
            assertThat(datapath.overflowed(0)).as("found the table full").isZero();
            assertThat(datapath.overflowed(1)).isBetween((long) FLOOD - Datapath.CONNECTION_SHARE, (long) FLOOD);
            CaseBook.open()
                    .write(
                            FaultCase.of(
                                            Chapter.FLOODS,
                                            "one pod opens 200,000 connections (in the kernel, by BPF_PROG_TEST_RUN)")
                                    .done(
                                            "200,000 new UDP tuples of one pod against a table of " + TABLE
                                                    + " entries, beside 1,000 idle ones of another and 200 that it opens meanwhile")
                                    .times(FLOOD)
                                    .lost(
                                            "nothing: all 1,200 answers of the other pod pass, and every packet of the flood too")
                                    .guard(
                                            "each endpoint has a budget of entries, and what is over it displaces only its like: without, the table "
                                                    + "was full of the flood, and 188 of the 200 new connections lost their answers"));
        }
    }

    @Test
    void aFloodFromElsewhereIsChargedToItsReceiverAndNotToWhatThatOpensItself() {
        try (var datapath = new Datapath(0, TABLE)) {
            datapath.table(2, DEFAULT_ALLOW, DEFAULT_ALLOW);
            byte[] tuple = new Frame().from("192.168.0.1").udp(0, 53).bytes();
            for (int i = 0; i < 20_000; i++) {
                ByteBuffer.wrap(tuple).putShort(SOURCE_PORT, (short) i);
                assertThat(datapath.run("from_host", tuple).result()).isEqualTo(REDIRECT);
            }
            int taken = datapath.connections();
            assertThat(taken).isBetween(Datapath.CONNECTION_RATE, Datapath.CONNECTION_SHARE);

            datapath.sender("b");
            for (int port = 0; port < 500; port++) {
                datapath.fromPod(ask(10_000 + port));
            }
            datapath.sender("a");
            for (int port = 0; port < 500; port++) {
                datapath.fromPod(new Frame().to("198.51.100.1").udp(port, 53));
            }

            assertThat(datapath.connections()).isEqualTo(taken + 1000);
        }
    }

    @Test
    void aMillionDropsAreCountedExactlyAndTheOthersDropsAreStillTold() {
        int kinds = 40_000;
        int each = 25;
        int others = 100;
        try (var datapath = new Datapath()) {
            // neither may speak to the other: a drop tells of the receiver
            datapath.table(1, DEFAULT_DENY, DEFAULT_ALLOW);
            datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW);
            datapath.slot(1, 1);
            datapath.slot(2, 2);

            byte[] flood = new Frame().tcp(40_000, 0, Frame.SYN).bytes();
            long nanos = 0;
            for (int kind = 0; kind < kinds; kind++) {
                ByteBuffer.wrap(flood).putShort(SOURCE_PORT + 2, (short) kind);
                var run = datapath.run("from_pod", flood, each);
                assertThat(run.result()).isEqualTo(SHOT);
                nanos += (long) run.nanos() * each;
                if (kind % (kinds / others) == 0) {
                    int port = 50_000 + kind / (kinds / others);
                    datapath.sender("b");
                    assertThat(datapath.fromPod(ask(port).tcp(1000, port, Frame.SYN)))
                            .isEqualTo(SHOT);
                    byte[] fromNode =
                            new Frame().from("192.168.0.9").udp(1000, port).bytes();
                    assertThat(datapath.run("from_host", fromNode).result()).isEqualTo(SHOT);
                    datapath.sender("a");
                }
            }

            List<Datapath.Event> told = datapath.events();
            for (int endpoint : List.of(1, 2)) {
                assertThat(told.stream()
                                .filter(event -> event.endpoint() == endpoint && event.sourcePort() == 1000)
                                .mapToInt(Datapath.Event::port))
                        .as("drops told of endpoint " + endpoint)
                        .hasSize(others)
                        .doesNotHaveDuplicates();
            }
            assertThat(datapath.counters().stream()
                            .filter(counter -> counter.verdict() >= Verdicts.DROP_POLICY)
                            .mapToLong(Datapath.Counter::packets)
                            .sum())
                    .isEqualTo((long) kinds * each + 2L * others);
            CaseBook.open()
                    .write(FaultCase.of(Chapter.FLOODS, "a million drops (in the kernel, by BPF_PROG_TEST_RUN)")
                            .done(
                                    "one pod's 1,000,000 packets to 40,000 ports that policy denies, nobody reading events meanwhile; "
                                            + "beside it 200 drops of others. A drop took %d ns"
                                                    .formatted(nanos / kinds / each))
                            .times((long) kinds * each)
                            .lost("nothing: 1,000,200 counted, each of the 200 others' events told")
                            .guard(
                                    "who sends pays for the event, within a budget of its own: charged to the receiver, 14 of its 100 other "
                                            + "drops were told"));
        }
    }

    private static Frame ask(int port) {
        return new Frame().mac(Datapath.MAC_B).from("10.0.0.3").to("10.0.0.2").udp(port, 53);
    }

    private static Frame answer(int port) {
        return new Frame().udp(53, port);
    }
}

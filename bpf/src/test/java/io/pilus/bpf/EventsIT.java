package io.pilus.bpf;

import static io.pilus.bpf.Datapath.DEFAULT_ALLOW;
import static io.pilus.bpf.Datapath.DEFAULT_DENY;
import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.libbpf.BpfException;
import io.pilus.libbpf.BpfMap;
import org.junit.jupiter.api.Test;

class EventsIT {

    @Test
    void aThousandDropsOfOneKindAreOneEventAndAThousandCounts() {
        try (var datapath = new Datapath()) {
            datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW);

            for (int i = 0; i < 1000; i++) {
                datapath.fromPod(new Frame().tcp(1000 + i, 80, Frame.SYN));
            }

            assertThat(datapath.count(Verdicts.DROP_POLICY)).isEqualTo(1000);
            assertThat(datapath.events())
                    .filteredOn(event -> event.verdict() == Verdicts.DROP_POLICY)
                    .hasSizeBetween(1, 3)
                    .first()
                    .extracting(Datapath.Event::packets, Datapath.Event::endpoint, Datapath.Event::peer)
                    .containsExactly(1, 2, Datapath.A);
        }
    }

    @Test
    void whatTheTableOfCountsHasNoRoomForIsCountedByVerdict() {
        try (var datapath = new Datapath()) {
            fill(datapath.map("verdicts_v1"));
            datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW);

            for (int i = 0; i < 100; i++) {
                datapath.fromPod(new Frame().tcp(1000 + i, 80, Frame.SYN));
            }

            assertThat(datapath.count(Verdicts.DROP_POLICY)).isEqualTo(100);
        }
    }

    private static void fill(BpfMap map) {
        for (int endpoint = 100_000; ; endpoint++) {
            byte[] key = Datapath.struct(map.keySize()).putInt(endpoint).array();
            try {
                map.update(key, new byte[map.valueSize()]);
            } catch (BpfException full) {
                return;
            }
        }
    }

    @Test
    void anEndpointTellsNoMoreThanItsBudgetAndWhatIsLostIsCounted() {
        try (var datapath = new Datapath()) {
            datapath.table(2, DEFAULT_DENY, DEFAULT_ALLOW);

            for (int port = 0; port < 30_000; port++) {
                datapath.fromPod(new Frame().tcp(1000, port, Frame.SYN));
            }

            int told = datapath.events().size();
            long lost = java.nio.ByteBuffer.wrap(datapath.map("events_lost_v1")
                            .lookup(Datapath.int4(0))
                            .orElseThrow())
                    .order(java.nio.ByteOrder.nativeOrder())
                    .getLong();
            assertThat(datapath.count(Verdicts.DROP_POLICY)).isEqualTo(30_000);
            assertThat(lost).isPositive();
            assertThat(told).isPositive();
        }
    }
}

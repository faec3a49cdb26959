package io.pilus.node.datapath;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.libbpf.BpfObject;
import io.pilus.libbpf.Btf;
import io.pilus.netlink.MacAddress;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Java and C agree on every struct and number that cross between them. */
class AbiTest {

    private static final MacAddress MAC = MacAddress.parse("02:a1:b2:c3:d4:e5");
    private static final ByteString IPV4 = Prefixes.parseAddress("10.1.2.3");
    private static final ByteString IPV6 = Prefixes.parseAddress("fd00:1::2:3");

    @Test
    void everyLayoutHasTheSizeAndOffsetsOfItsStruct() throws IOException {
        try (var abi = open("abi.bpf.o");
                var datapath = open("pilus.bpf.o")) {
            for (Layout<?> layout : List.of(
                    Endpoint.LAYOUT,
                    Destination.LAYOUT,
                    Destination.KEY,
                    Range.LAYOUT,
                    Range.KEY,
                    Connection.LAYOUT,
                    Connection.Key.LAYOUT,
                    Counter.LAYOUT,
                    Counter.Key.LAYOUT,
                    EventGate.LAYOUT,
                    EventGate.Key.LAYOUT,
                    Event.LAYOUT)) {
                Btf.Struct struct = abi.btf().struct(layout.struct());

                assertThat(layout.size()).as(layout.struct()).isEqualTo((int) struct.size());
                assertThat(layout.offsets()).as(layout.struct()).isEqualTo(struct.offsets());
            }
            Btf.Struct config = datapath.btf().struct("pilus_config");
            assertThat(DatapathConfig.LAYOUT.size()).isEqualTo((int) config.size());
            assertThat(DatapathConfig.LAYOUT.offsets()).isEqualTo(config.offsets());
        }
    }

    @Test
    void everyVerdictHasItsNumber() throws IOException {
        Map<String, Integer> java = Arrays.stream(Verdict.values())
                .collect(Collectors.toMap(verdict -> "PILUS_" + verdict.name(), Verdict::number));

        Map<String, Integer> kernel = numbers("pilus_verdict");

        int firstDrop = Objects.requireNonNull(kernel.remove("PILUS_DROP_FIRST"));
        kernel.remove("PILUS_VERDICT_MAX");
        assertThat(java).isEqualTo(kernel);
        for (Verdict verdict : Verdict.values()) {
            assertThat(Verdict.of(verdict.number())).isEqualTo(verdict);
            assertThat(verdict.isDrop()).isEqualTo(verdict.number() >= firstDrop);
        }
    }

    @Test
    void everyFlagHasItsBit() throws IOException {
        assertThat(numbers("pilus_destination_flags"))
                .isEqualTo(Map.of(
                        "PILUS_DST_LOCAL", Destination.LOCAL,
                        "PILUS_DST_REMOTE", Destination.REMOTE,
                        "PILUS_DST_NODE", Destination.NODE,
                        "PILUS_DST_THIS_NODE", Destination.THIS_NODE));
        assertThat(numbers("pilus_range_flags"))
                .isEqualTo(Map.of(
                        "PILUS_RANGE_POOL", Range.POOL,
                        "PILUS_RANGE_BLOCK", Range.BLOCK,
                        "PILUS_RANGE_THIS_NODE", Range.THIS_NODE));
        assertThat(numbers("pilus_ct_flags"))
                .isEqualTo(Map.of(
                        "PILUS_CT_OPENED_BY_HIGH", Connection.OPENED_BY_HIGH,
                        "PILUS_CT_REPLIED", Connection.REPLIED,
                        "PILUS_CT_CLOSING", Connection.CLOSING));
        assertThat(numbers("pilus_event_flags")).isEqualTo(Map.of("PILUS_EVENT_REPLY", Event.REPLY));
    }

    @Test
    void whatIsWrittenIsReadBack() {
        readBack(Endpoint.LAYOUT, new Endpoint(IPV4, IPV6, 7, 300, 9, MAC, new MacAddress(1), 1450));
        readBack(Endpoint.LAYOUT, new Endpoint(IPV4, ByteString.EMPTY, 7, -1, 9, MAC, new MacAddress(1), 1450));
        readBack(Destination.LAYOUT, Destination.local(300, 12, 9, 7, MAC));
        readBack(Destination.LAYOUT, Destination.remote(IPV4, 301, MAC));
        readBack(Destination.LAYOUT, Destination.node(IPV6, 6, MAC));
        readBack(Destination.LAYOUT, Destination.thisNode(1));
        readBack(Destination.KEY, IPV4);
        readBack(Destination.KEY, IPV6);
        readBack(Range.LAYOUT, new Range(IPV4, MAC, Range.BLOCK | Range.THIS_NODE));
        for (String prefix : List.of("10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0", "fd00::/48", "::/0", "fd00::1/128")) {
            readBack(Range.KEY, Prefixes.parse(prefix));
        }
        readBack(Connection.LAYOUT, new Connection(1L << 40, 2L << 40, 3, 4, 5, 6, 7, 8, 9, 10));
        readBack(Connection.Key.LAYOUT, new Connection.Key(IPV4, IPV6, 443, 65535, 6, 0));
        readBack(Counter.LAYOUT, new Counter(5, 1500));
        readBack(Counter.Key.LAYOUT, new Counter.Key(7, 0xffffff, 41, 2));
        readBack(EventGate.LAYOUT, new EventGate(1L << 50, 17, IPV4, 301, 40000));
        readBack(EventGate.Key.LAYOUT, new EventGate.Key(IPV6, 7, 0xffffff, 443, 17, 16, 1, 1));
        readBack(Event.LAYOUT, new Event(1L << 50, IPV4, IPV6, 40000, 443, 17, 16, 1, 1, 7, 301, 5, 1000));
    }

    @Test
    void portsOfConnectionsAreInNetworkOrder() {
        byte[] key = Connection.Key.LAYOUT.encode(new Connection.Key(IPV4, IPV4, 0x1234, 0xff01, 6, 0));

        assertThat(Arrays.copyOfRange(key, 32, 36)).containsExactly(0x12, 0x34, 0xff, 0x01);
    }

    private static <T> void readBack(Layout<T> layout, T value) {
        assertThat(layout.decode(layout.encode(value))).isEqualTo(value);
    }

    private static Map<String, Integer> numbers(String enumeration) throws IOException {
        try (var abi = open("abi.bpf.o")) {
            return abi.btf().enumeration(enumeration);
        }
    }

    private static BpfObject open(String file) throws IOException {
        try (var bytes = Objects.requireNonNull(AbiTest.class.getResourceAsStream("/pilus/bpf/" + file))) {
            return BpfObject.open(file, bytes.readAllBytes());
        }
    }
}

package io.pilus.libbpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.stream.IntStream;
import jnr.constants.platform.Errno;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Maps in the real kernel. */
class BpfMapIT {

    /** {@code enum bpf_map_type}. */
    enum Type {
        HASH(1),
        PER_CPU_HASH(5),
        LRU_HASH(9);

        private final int number;

        Type(int number) {
            this.number = number;
        }
    }

    @ParameterizedTest
    @EnumSource
    void entriesAreAllOfThemOnceWhateverTheSize(Type type) {
        for (int size : List.of(0, 1, 1023, 1024, 1025, 10_000)) {
            try (BpfMap map = map(type, 16_384)) {
                map.updateAll(IntStream.range(0, size)
                        .mapToObj(number -> entry(map, number))
                        .toList());

                assertThat(map.entries())
                        .extracting(entry -> number(entry.key()))
                        .containsExactlyInAnyOrderElementsOf(
                                IntStream.range(0, size).boxed().toList());
                assertThat(map.entries()).allSatisfy(entry -> {
                    assertThat(number(entry.value())).isEqualTo(-number(entry.key()));
                    assertThat(entry.value()).hasSize(map.valueSize());
                });
            }
        }
    }

    @Test
    void whatIsTakenIsGone() {
        try (BpfMap map = map(Type.LRU_HASH, 16)) {
            BpfMap.Entry entry = entry(map, 5);
            map.update(entry.key(), entry.value());

            assertThat(map.take(entry.key())).hasValue(entry.value());
            assertThat(map.take(entry.key())).isEmpty();
            assertThat(map.entries()).isEmpty();
        }
    }

    @Test
    void aFullMapSaysSoAndKeepsWhatItHas() {
        try (BpfMap map = map(Type.HASH, 2)) {
            map.updateAll(List.of(entry(map, 1), entry(map, 2)));
            BpfMap.Entry third = entry(map, 3);

            assertThatThrownBy(() -> map.update(third.key(), third.value()))
                    .isInstanceOf(BpfException.class)
                    .hasMessageContaining("test")
                    .extracting(e -> ((BpfException) e).errno())
                    .isEqualTo(Errno.E2BIG.intValue());
            assertThat(map.keys()).hasSize(2);
        }
    }

    @Test
    void aHashThatAllocatesAsItFillsSaysHowManyEntriesItHas() {
        for (int size : List.of(2, 5000, 100_000)) {
            try (BpfMap map = growing(size)) {
                assertThat(map.count()).isZero();
                for (int number = 0; number < Math.min(size, 3000); number++) {
                    map.update(bytes(5, number), bytes(13, number));
                }
                map.update(bytes(5, 1), bytes(13, 7));
                assertThat(map.count()).isEqualTo(Math.min(size, 3000));
                map.delete(bytes(5, 1));
                assertThat(map.count()).isEqualTo(Math.min(size, 3000) - 1);
            }
        }
    }

    @Test
    void anEmptyCopyIsOfTheSameKind() {
        try (BpfMap map = growing(2);
                BpfMap copy = map.emptyCopy(3)) {
            map.update(bytes(5, 1), bytes(13, 1));

            assertThat(copy.maxEntries()).isEqualTo(3);
            assertThat(copy.type()).isEqualTo(map.type());
            assertThat(copy.keySize()).isEqualTo(5);
            assertThat(copy.valueSize()).isEqualTo(13);
            assertThat(copy.id()).isNotEqualTo(map.id());
            assertThat(copy.entries()).isEmpty();
            assertThat(copy.memory()).isLessThan(100_000);
        }
    }

    @Test
    void aKeyOrValueOfAnotherSizeIsRefusedBeforeTheKernelReadsBeyondIt() {
        try (BpfMap map = map(Type.HASH, 2)) {
            assertThatThrownBy(() -> map.lookup(new byte[3]))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("4 bytes, not 3");
            assertThatThrownBy(() -> map.update(new byte[4], new byte[7]))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("8 bytes, not 7");
        }
    }

    private static BpfMap map(Type type, int entries) {
        int fd = LibBpf.INSTANCE.bpf_map_create(type.number, "test", 4, 8, entries, null);
        return new BpfMap("test", Kernel.check(fd, "bpf_map_create", "test"), true);
    }

    /** A hash with BPF_F_NO_PREALLOC, of odd sizes. */
    private static BpfMap growing(int entries) {
        ByteBuffer wanted = Kernel.attributes()
                .putInt(0, Type.HASH.number)
                .putInt(4, 5)
                .putInt(8, 13)
                .putInt(12, entries)
                .putInt(16, 1);
        return new BpfMap("growing", Kernel.bpf(Kernel.MAP_CREATE, wanted, "BPF_MAP_CREATE", "growing"), true);
    }

    /** Its value begins with the negated key. */
    private static BpfMap.Entry entry(BpfMap map, int number) {
        byte[] value = bytes(map.valueSize(), -number);
        return new BpfMap.Entry(bytes(map.keySize(), number), value);
    }

    private static byte[] bytes(int size, int number) {
        return ByteBuffer.allocate(size)
                .order(ByteOrder.nativeOrder())
                .putInt(number)
                .array();
    }

    private static int number(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()).getInt();
    }
}

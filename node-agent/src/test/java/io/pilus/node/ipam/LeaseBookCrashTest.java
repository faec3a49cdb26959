package io.pilus.node.ipam;

import static io.pilus.contract.Prefixes.parse;
import static io.pilus.contract.Prefixes.parseAddress;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.node.ipam.LeaseOutcome.Leased;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever is left of a file, no address gets a second holder and none is taken from a block that may be another node's. */
class LeaseBookCrashTest {

    private static final List<Block> BLOCKS = Stream.of("10.0.0.16/28", "10.0.0.32/28", "fd00::10/124")
            .map(cidr ->
                    Block.newBuilder().setPool("default").setBlock(parse(cidr)).build())
            .toList();

    private final ManualClock clock = new ManualClock();

    @TempDir(factory = FastTempDir.class)
    private Path temporary;

    @Test
    void aLeaseCutAtAnyByteKeepsItsAddressesTaken() throws IOException {
        Path original = temporary.resolve("original");
        LeaseBook book = open(original);
        Lease first = lease(book, "first");
        Lease second = lease(book, "second");
        byte[] whole = Files.readAllBytes(original.resolve("10.0.0.16+fd00::11"));

        for (int length = 0; length < whole.length; length++) {
            Path directory = copy(original, "lease-" + length);
            Files.write(directory.resolve("10.0.0.16+fd00::11"), Arrays.copyOf(whole, length));
            LeaseBook recovered = open(directory);

            assertThat(recovered.unaccounted())
                    .as("%d bytes", length)
                    .containsExactlyInAnyOrderElementsOf(first.addresses());
            assertThat(lease(recovered, "second")).isEqualTo(second);
            Set<ByteString> given = new HashSet<>();
            for (int i = 0; recovered.lease("new-" + i, "eth0", "", Set.of()) instanceof Leased leased; i++) {
                given.addAll(leased.lease().addresses());
                assertThat(i).isLessThan(16);
            }
            assertThat(given).doesNotContainAnyElementsOf(first.addresses()).hasSize(26);
            assertThat(recovered.adopt("first", "eth0", "", first.addresses())).isTrue();
            assertThat(lease(open(directory), "first").addresses()).isEqualTo(first.addresses());
        }
    }

    @Test
    void aWriteInterruptedAtAnyByteLeavesWhatWasBefore() throws IOException {
        Path original = temporary.resolve("original");
        LeaseBook book = open(original);
        Lease held = lease(book, "held");
        byte[] whole = Files.readAllBytes(original.resolve("10.0.0.16+fd00::11"));

        for (int length = 0; length <= whole.length; length++) {
            Path directory = copy(original, "write-" + length);
            Files.write(directory.resolve("10.0.0.16+fd00::11.tmp"), Arrays.copyOf(whole, length));
            Files.write(directory.resolve("10.0.0.17+fd00::12.tmp"), Arrays.copyOf(whole, length));
            LeaseBook recovered = open(directory);

            assertThat(recovered.leases()).containsExactly(held);
            assertThat(recovered.unaccounted()).isEmpty();
            try (Stream<Path> files = Files.list(directory)) {
                assertThat(files).noneMatch(file -> file.toString().endsWith(".tmp"));
            }
        }
    }

    @Test
    void blocksCutAtAnyByteAreNotUsedBeforeEtcdHasConfirmedThem() throws IOException {
        Path original = temporary.resolve("original");
        LeaseBook book = open(original);
        Lease held = lease(book, "held");
        clock.pass(Duration.ofMinutes(5));
        assertThat(book.demand(Set.of()).getPools(0).getOfferedList()).containsExactly(parse("10.0.0.32/28"));
        byte[] whole = Files.readAllBytes(original.resolve("blocks"));

        for (int length = 0; length < whole.length; length++) {
            Path directory = copy(original, "blocks-" + length);
            Files.write(directory.resolve("blocks"), Arrays.copyOf(whole, length));
            LeaseBook recovered = open(directory);

            assertThat(lease(recovered, "held")).isEqualTo(held);
            assertThat(recovered.lease("new", "eth0", "", Set.of())).isInstanceOf(LeaseOutcome.Exhausted.class);
            assertThat(recovered.reclaiming()).isTrue();
            Demand demand = recovered.demand(Set.of());
            assertThat(demand.getPools(0).getOfferedList()).isEmpty();
            recovered.written(demand, 20);
            recovered.blocks(BLOCKS.subList(1, 3), 20);
            assertThat(lease(recovered, "new").addresses()).containsExactly(address("10.0.0.32"), address("fd00::12"));
        }
    }

    @Test
    void aDamagedByteIsFound() throws IOException {
        Path original = temporary.resolve("original");
        Lease held = lease(open(original), "held");
        byte[] whole = Files.readAllBytes(original.resolve("10.0.0.16+fd00::11"));

        for (int at = 0; at < whole.length; at++) {
            Path directory = copy(original, "damaged-" + at);
            byte[] damaged = whole.clone();
            damaged[at] ^= 1;
            Files.write(directory.resolve("10.0.0.16+fd00::11"), damaged);

            assertThat(open(directory).unaccounted()).containsExactlyInAnyOrderElementsOf(held.addresses());
        }
    }

    private LeaseBook open(Path directory) {
        var settings = new Settings(Duration.ofSeconds(60), 4, Duration.ofMinutes(5));
        LeaseBook book = LeaseBook.open(directory, settings, clock, _ -> true);
        book.pools(List.of(PoolRanges.newBuilder()
                .setName("default")
                .addRanges(parse("10.0.0.0/24"))
                .addRanges(parse("fd00::/64"))
                .build()));
        book.blocks(BLOCKS, 10);
        return book;
    }

    private static Lease lease(LeaseBook book, String container) {
        LeaseOutcome outcome = book.lease(container, "eth0", "", Set.of());
        assertThat(outcome).isInstanceOf(Leased.class);
        return ((Leased) outcome).lease();
    }

    private static ByteString address(String text) {
        return parseAddress(text);
    }

    private Path copy(Path original, String name) throws IOException {
        Path copy = Files.createDirectory(temporary.resolve(name));
        try (Stream<Path> files = Files.list(original)) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
        }
        return copy;
    }
}

package io.pilus.node.ipam;

import static io.pilus.contract.Prefixes.parse;
import static io.pilus.contract.Prefixes.parseAddress;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.pilus.contract.Family;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.PoolDemand;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.contract.v1.Prefix;
import io.pilus.node.ipam.LeaseOutcome.Exhausted;
import io.pilus.node.ipam.LeaseOutcome.Leased;
import io.pilus.node.ipam.LeaseOutcome.NoSuchFamily;
import io.pilus.node.ipam.LeaseOutcome.UnknownPool;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeaseBookTest {

    private final ManualClock clock = new ManualClock();

    /** Addresses that endpoints in `cluster/` have. */
    private final Set<ByteString> published = ConcurrentHashMap.newKeySet();

    @TempDir(factory = FastTempDir.class)
    private Path directory;

    private LeaseBook book;

    @BeforeEach
    void open() {
        book = LeaseBook.open(directory, Settings.DEFAULT, clock, address -> !published.contains(address));
        book.pools(List.of(
                pool("default", "10.0.0.0/24", "fd00::/64"), pool("v6", "fd01::/64"), pool("empty", "10.9.0.0/16")));
        book.blocks(blocks("default", "10.0.0.0/28", "fd00::40/124"), 10);
    }

    @Test
    void givesAnAddressOfEachFamilyOfThePool() {
        assertThat(lease("c1", "")).containsExactly("10.0.0.1", "fd00::41");
        assertThat(book.lease("c1", "eth0")).hasValueSatisfying(lease -> {
            assertThat(lease.pool()).isEqualTo("default");
            assertThat(lease.since()).isEqualTo(clock.instant());
        });
    }

    @Test
    void aRepeatedCallGivesTheSameAddresses() {
        List<String> first = lease("c1", "default");

        assertThat(book.lease("c1", "eth0", "default", Set.of()))
                .isInstanceOfSatisfying(
                        Leased.class, again -> assertThat(again.repeated()).isTrue());
        assertThat(lease("c1", "default")).isEqualTo(first);
        assertThat(addresses(book.lease("c1", "eth1", "default", Set.of()))).doesNotContainAnyElementsOf(first);
    }

    @Test
    void givesOnlyTheFamiliesThatAreAskedFor() {
        assertThat(addresses(book.lease("c1", "eth0", "default", Set.of(Family.IPV6))))
                .containsExactly("fd00::41");
        assertThat(book.lease("c2", "eth0", "v6", Set.of(Family.IPV4)))
                .isInstanceOfSatisfying(
                        NoSuchFamily.class,
                        refused -> assertThat(refused.detail()).contains("pool 'v6' has no IPv4 range"));
    }

    @Test
    void leavesOutTheEndsOfAnIpv4RangeAndTheAnycastAddressOfAnIpv6Block() {
        book.blocks(blocks("default", "10.0.0.0/29", "10.0.0.248/29", "fd00::40/124"), 11);

        List<String> all = new ArrayList<>();
        for (int i = 0; i < 14; i++) {
            all.addAll(lease("c" + i, "default"));
        }

        assertThat(all)
                .doesNotHaveDuplicates()
                .hasSize(28)
                .contains("10.0.0.7", "10.0.0.248", "fd00::4e")
                .doesNotContain("10.0.0.0", "10.0.0.255", "fd00::40");
    }

    @Test
    void takesAddressesInTurnAndNotTheLowestFree() {
        String first = lease("c1", "default").getFirst();
        book.release("c1", "eth0");
        clock.pass(Duration.ofMinutes(2));

        assertThat(lease("c2", "default").getFirst()).isEqualTo("10.0.0.2").isNotEqualTo(first);
    }

    @Test
    void anAddressRestsAfterItsRelease() {
        for (int i = 1; i <= 15; i++) {
            lease("c" + i, "default");
        }
        List<String> released = lease("c7", "default");
        book.release("c7", "eth0");

        clock.pass(Duration.ofMillis(59_999));
        assertThat(book.lease("d", "eth0", "default", Set.of())).isInstanceOf(Exhausted.class);
        clock.pass(Duration.ofMillis(1));
        assertThat(lease("d", "default")).isEqualTo(released);
    }

    @Test
    void anAddressRestsUntilItsEndpointIsWithdrawn() {
        for (int i = 1; i <= 15; i++) {
            lease("c" + i, "default");
        }
        List<String> released = lease("c7", "default");
        published.add(parseAddress(released.get(1)));
        book.release("c7", "eth0");

        clock.pass(Duration.ofHours(1));
        assertThat(book.lease("d", "eth0", "default", Set.of())).isInstanceOf(Exhausted.class);
        published.clear();
        assertThat(lease("d", "default")).isEqualTo(released);
    }

    @Test
    void aLateReleaseFreesNobodyElsesAddress() {
        List<String> first = lease("c1", "default");
        book.release("c1", "eth0");
        clock.pass(Duration.ofMinutes(2));
        List<String> reused = List.of();
        for (int i = 2; !reused.equals(first); i++) {
            reused = lease("c" + i, "default");
        }

        assertThat(book.release("c1", "eth0")).isEmpty();
        assertThat(book.release("c2", "eth1")).isEmpty();
        assertThat(book.release("never-seen", "eth0")).isEmpty();

        assertThat(book.leases()).hasSize(15);
    }

    @Test
    void saysWhyThereIsNoAddressAndWhatToDo() {
        for (int i = 1; i <= 15; i++) {
            lease("c" + i, "default");
        }

        assertThat(book.lease("d", "eth0", "", Set.of()))
                .isEqualTo(
                        new Exhausted(
                                "default",
                                Family.IPV4,
                                "this node has no free IPv4 address of pool 'default' (1 blocks, 15 addresses in use, 0 of them"
                                        + " cooling down); it has asked for a block: wait, and if none comes add a range to the pool"));
        assertThat(book.lease("d", "eth0", "empty", Set.of()))
                .isInstanceOfSatisfying(
                        Exhausted.class, none -> assertThat(none.detail()).contains("0 blocks"));
        assertThat(book.lease("d", "eth0", "typo", Set.of()))
                .isEqualTo(new UnknownPool(
                        "typo",
                        "there is no pool 'typo'; create it (PUT /v1/pools/typo at ipam-service), or name another one in"
                                + " the workload"));
    }

    @Test
    void refusesNamesThatCouldLeaveItsDirectory() {
        assertThatThrownBy(() -> book.lease("../x", "eth0", "default", Set.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'../x' is no container id");
        assertThatThrownBy(() -> book.lease("c", "eth0/1", "default", Set.of()))
                .hasMessageContaining("'eth0/1' is no interface name");
    }

    @Test
    void keepsLeasesRestsAndTurnOverARestart() {
        List<String> held = lease("c1", "default");
        List<String> released = lease("c2", "default");
        book.release("c2", "eth0");

        open();

        assertThat(lease("c1", "default")).isEqualTo(held);
        assertThat(lease("c3", "default")).containsExactly("10.0.0.3", "fd00::43");
        for (int i = 4; i <= 15; i++) {
            lease("c" + i, "default");
        }
        assertThat(book.lease("d", "eth0", "default", Set.of())).isInstanceOf(Exhausted.class);
        clock.pass(Duration.ofSeconds(60));
        assertThat(lease("d", "default")).isEqualTo(released);
    }

    @Test
    void leasesBeforeEtcdIsReachedFromTheBlocksItHadBeforeARestart() {
        book = LeaseBook.open(directory, Settings.DEFAULT, clock, _ -> true);
        book.pools(List.of(pool("default", "10.0.0.0/24", "fd00::/64")));

        assertThat(lease("c1", "default")).containsExactly("10.0.0.1", "fd00::41");
    }

    @Test
    void manyAtOnceNeverGetOneAddress() throws Exception {
        book.pools(List.of(pool("default", "10.0.0.0/16")));
        book.blocks(blocks("default", "10.0.1.0/26", "10.0.2.0/26"), 11);
        List<Callable<String>> callers = new ArrayList<>();
        for (int i = 0; i < 128; i++) {
            String container = "c" + i;
            callers.add(() -> lease(container, "default").getFirst());
        }

        Set<String> all = new HashSet<>();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (Future<String> address : threads.invokeAll(callers)) {
                all.add(address.get());
            }
        }

        assertThat(all).hasSize(128);
    }

    @Test
    void asksForWhatIsUsedTheReserveAndTheWishesThatFailed() {
        for (int i = 1; i <= 15; i++) {
            lease("c" + i, "default");
        }
        book.release("c1", "eth0");
        book.lease("d1", "eth0", "default", Set.of());
        book.lease("d1", "eth0", "default", Set.of());
        book.lease("d2", "eth0", "empty", Set.of());

        Demand demand = book.demand(Set.of("v6"));

        assertThat(demand.getPoolsList())
                .containsExactly(
                        PoolDemand.newBuilder()
                                .setPool("default")
                                .setUsedIpv4(15)
                                .setUsedIpv6(15)
                                .setWantedIpv4(15 + 1 + 16)
                                .setWantedIpv6(15 + 1 + 16)
                                .build(),
                        PoolDemand.newBuilder()
                                .setPool("empty")
                                .setWantedIpv4(1 + 16)
                                .build(),
                        PoolDemand.newBuilder().setPool("v6").setWantedIpv6(16).build());
        clock.pass(Duration.ofSeconds(61));
        assertThat(book.demand(Set.of()).getPoolsList())
                .extracting(PoolDemand::getPool)
                .containsExactly("default");
    }

    @Test
    void offersABlockThatIsEmptyForLongAndNotNeededAndLeasesNothingFromIt() {
        book.blocks(blocks("default", "10.0.0.64/26", "10.0.0.128/26", "fd00::40/122"), 11);
        lease("c1", "default");

        assertThat(offered()).isEmpty();
        clock.pass(Duration.ofMinutes(5));
        assertThat(offered()).containsExactly("10.0.0.128/26");
        assertThat(offered()).containsExactly("10.0.0.128/26");

        for (int i = 2; i <= 63; i++) {
            ByteString address = parseAddress(lease("c" + i, "default").getFirst());
            assertThat(Prefixes.contains(parse("10.0.0.64/26"), address)).isTrue();
        }
    }

    @Test
    void usesAnOfferedBlockOnlyOnceItIsCertainThatItWasNotTaken() {
        List<Block> both = blocks("default", "10.0.0.64/28", "10.0.0.128/26");
        openIpv4Only(4);
        book.blocks(both, 11);
        clock.pass(Duration.ofMinutes(5));
        book.written(book.demand(Set.of()), 12);
        assertThat(offered()).containsExactly("10.0.0.128/26");
        for (int i = 0; i < 16; i++) {
            lease("c" + i, "default");
        }

        book.blocks(both, 12);
        assertThat(book.lease("d", "eth0", "default", Set.of())).isInstanceOf(Exhausted.class);
        Demand without = book.demand(Set.of());
        assertThat(without.getPools(0).getOfferedList()).isEmpty();
        assertThat(book.reclaiming()).isTrue();
        book.blocks(both, 13);
        assertThat(book.lease("d", "eth0", "default", Set.of())).isInstanceOf(Exhausted.class);
        book.written(without, 15);
        assertThat(book.reclaiming()).isFalse();
        book.blocks(both, 14);
        assertThat(book.lease("d", "eth0", "default", Set.of())).isInstanceOf(Exhausted.class);
        book.blocks(both, 15);

        assertThat(lease("d", "default")).containsExactly("10.0.0.128");
    }

    @Test
    void anOfferHoldsOverARestart() {
        List<Block> both = blocks("default", "10.0.0.64/28", "10.0.0.128/26");
        openIpv4Only(1);
        book.blocks(both, 11);
        clock.pass(Duration.ofMinutes(5));
        assertThat(offered()).containsExactly("10.0.0.128/26");

        openIpv4Only(1);
        book.blocks(both, 11);

        for (int i = 0; i < 16; i++) {
            lease("c" + i, "default");
        }
        assertThat(book.lease("d", "eth0", "default", Set.of())).isInstanceOf(Exhausted.class);
    }

    @Test
    void aBlockGivenBackDoesNotReturnByAStateThatLagsBehind() {
        book.blocks(blocks("default", "10.0.0.64/28", "10.0.0.128/26"), 11);
        book.blocks(blocks("default", "10.0.0.64/28"), 12);
        openIpv4Only(16);

        book.blocks(blocks("default", "10.0.0.64/28", "10.0.0.128/26"), 11);

        for (int i = 0; i < 16; i++) {
            lease("c" + i, "default");
        }
        assertThat(book.lease("d", "eth0", "default", Set.of())).isInstanceOf(Exhausted.class);
    }

    @Test
    void ofABlockThatIsGoneItKeepsTheLeasesAndGivesNothing() {
        List<String> held = lease("c1", "default");

        book.blocks(List.of(), 11);

        assertThat(book.lease("c2", "eth0", "default", Set.of())).isInstanceOf(Exhausted.class);
        assertThat(lease("c1", "default")).isEqualTo(held);
        assertThat(book.strays())
                .singleElement()
                .satisfies(stray -> assertThat(stray.holder()).isEqualTo(new Holder("c1", "eth0")));
        book.blocks(blocks("default", "10.0.0.0/28", "fd00::40/124"), 12);
        assertThat(book.strays()).isEmpty();
        for (int i = 2; i <= 15; i++) {
            assertThat(lease("c" + i, "default")).doesNotContainAnyElementsOf(held);
        }
    }

    @Test
    void adoptsWhatIsAttachedButWasLost() throws Exception {
        List<String> held = lease("c1", "default");
        Files.writeString(directory.resolve("10.0.0.1+fd00::41"), "garbage");
        open();
        assertThat(book.unaccounted()).hasSize(2);
        List<ByteString> addresses = held.stream().map(Prefixes::parseAddress).toList();

        assertThat(book.adopt("c1", "eth0", "", addresses.reversed())).isTrue();
        assertThat(book.adopt("c1", "eth0", "", addresses)).isTrue();
        assertThat(book.adopt("c2", "eth0", "", addresses)).isFalse();
        assertThat(book.adopt("c1", "eth0", "", List.of(parseAddress("10.0.0.9"))))
                .isFalse();

        assertThat(lease("c1", "default")).isEqualTo(held);
        open();
        assertThat(book.unaccounted()).isEmpty();
        assertThat(lease("c1", "default")).isEqualTo(held);
    }

    @Test
    void aLeaseThatCannotBeWrittenIsNotGivenToAnybody() throws Exception {
        lease("c1", "default");
        Path aside = directory.resolveSibling(directory.getFileName() + "-aside");
        Files.move(directory, aside);

        assertThatThrownBy(() -> book.lease("c2", "eth0", "default", Set.of()))
                .hasMessageContaining("the lease of c2/eth0 cannot be written to disk");
        assertThatThrownBy(() -> book.release("c1", "eth0")).hasMessageContaining("cannot be written to disk");
        Files.move(aside, directory);

        assertThat(book.leases()).hasSize(1);
        assertThat(lease("c3", "default")).containsExactly("10.0.0.3", "fd00::43");
    }

    @Test
    void showsHowFullItsBlocksAre() {
        lease("c1", "default");
        lease("c2", "default");
        book.release("c1", "eth0");

        assertThat(book.usage())
                .contains(
                        new PoolUsage("default", Family.IPV4, 1, 15, 1, 1),
                        new PoolUsage("default", Family.IPV6, 1, 15, 1, 1),
                        new PoolUsage("empty", Family.IPV4, 0, 0, 0, 0));
    }

    private void openIpv4Only(int reserve) {
        var settings = new Settings(Duration.ofSeconds(60), reserve, Duration.ofMinutes(5));
        book = LeaseBook.open(directory, settings, clock, _ -> true);
        book.pools(List.of(pool("default", "10.0.0.0/24")));
    }

    private List<String> offered() {
        return book.demand(Set.of()).getPoolsList().stream()
                .flatMap(pool -> pool.getOfferedList().stream())
                .map(Prefixes::format)
                .toList();
    }

    private List<String> lease(String container, String pool) {
        return addresses(book.lease(container, "eth0", pool, Set.of()));
    }

    private static List<String> addresses(LeaseOutcome outcome) {
        assertThat(outcome).isInstanceOf(Leased.class);
        return ((Leased) outcome)
                .lease().addresses().stream().map(Prefixes::format).toList();
    }

    private static PoolRanges pool(String name, String... ranges) {
        return PoolRanges.newBuilder()
                .setName(name)
                .addAllRanges(prefixes(ranges))
                .build();
    }

    private static List<Block> blocks(String pool, String... cidrs) {
        return prefixes(cidrs).stream()
                .map(prefix -> Block.newBuilder().setPool(pool).setBlock(prefix).build())
                .toList();
    }

    private static List<Prefix> prefixes(String... cidrs) {
        return Arrays.stream(cidrs).map(Prefixes::parse).toList();
    }
}

package io.pilus.node.ipam;

import static io.pilus.contract.Prefixes.parse;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Block;
import io.pilus.contract.v1.Demand;
import io.pilus.contract.v1.PoolRanges;
import io.pilus.contract.v1.Prefix;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The book against a model of the rest of the world: an etcd of which the node sees every revision late, demands whose writes may fail
 * or whose answers may be lost, a leader that grants and takes blocks, restarts with a state on disk that lags behind.
 */
class LeaseBookPropertyTest {

    private static final Duration COOL_DOWN = Duration.ofSeconds(60);
    private static final int RUNS = Integer.getInteger("pilus.property.runs", 60);
    private static final int STEPS = 600;

    @TempDir(factory = FastTempDir.class)
    private Path temporary;

    @Test
    void noAddressIsEverDoubledReusedEarlyOrTakenFromAnothersBlock() {
        long seed = Long.getLong("pilus.property.seed", System.nanoTime());
        for (int run = 0; run < RUNS; run++) {
            long runSeed = seed + run;
            var world = new World(temporary.resolve("run-" + run), new Random(runSeed));
            try {
                world.run();
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("replay by -Dpilus.property.runs=1 -Dpilus.property.seed=" + runSeed, e);
            }
            leased += world.leases;
            returned += world.returns;
            reclaimed += world.reclaims;
        }
        // a run in which nothing happens proves nothing
        assertThat(leased).isGreaterThan(RUNS * 50L);
        assertThat(returned).isGreaterThan(RUNS / 2L);
        assertThat(reclaimed).isGreaterThan(RUNS / 10L);
    }

    private long leased;
    private long returned;
    private long reclaimed;

    /** A write of the demand that etcd may still carry out. */
    private record Pending(Demand demand, long comparedWith) {}

    private record Seen(long revision, Set<Prefix> blocks) {}

    private static final class World {
        final ManualClock clock = new ManualClock();
        final Path directory;
        final Random random;

        // etcd
        long revision = 10;
        long demandRevision;
        Demand demand = Demand.getDefaultInstance();
        final Set<Prefix> owned = new HashSet<>();
        final List<Seen> history = new ArrayList<>();
        int nextBlock;

        @Nullable
        Pending late;

        // the node
        LeaseBook book;
        int delivered;
        int saved;
        boolean mustWrite = true;

        // who has what, and what was released when
        final Map<String, Lease> held = new HashMap<>();
        final Map<ByteString, Instant> released = new HashMap<>();
        final Set<ByteString> published = new HashSet<>();
        int containers;

        long leases;
        long returns;
        long reclaims;

        World(Path directory, Random random) {
            this.directory = directory;
            this.random = random;
            grant();
            this.book = start();
        }

        void run() {
            for (int step = 0; step < STEPS; step++) {
                switch (random.nextInt(24)) {
                    case 0, 1, 2, 3, 4 -> lease();
                    case 5, 6, 7, 8 -> release();
                    case 9 -> repeat();
                    case 10, 11 -> clock.pass(Duration.ofSeconds(random.nextInt(50)));
                    case 12 -> clock.pass(COOL_DOWN.multipliedBy(random.nextInt(4)));
                    case 13 -> withdraw();
                    case 14, 15, 16, 17 -> deliver();
                    case 18, 19 -> writeDemand();
                    case 20, 21 -> lead();
                    case 22 -> lateWrite();
                    default -> restart();
                }
                assertThat(book.leases()).containsExactlyInAnyOrderElementsOf(held.values());
            }
        }

        private void lease() {
            // in bursts, so that blocks fill up
            for (int i = random.nextInt(6); i >= 0; i--) {
                String container = "c" + containers++;
                switch (book.lease(container, "eth0", "", Set.of())) {
                    case LeaseOutcome.Leased leased -> given(container, leased.lease());
                    case LeaseOutcome.Exhausted _ -> book.release(container, "eth0");
                    case LeaseOutcome.UnknownPool unknown -> throw new AssertionError(unknown);
                    case LeaseOutcome.NoSuchFamily none -> throw new AssertionError(none);
                }
            }
        }

        private void given(String container, Lease lease) {
            leases++;
            for (ByteString address : lease.addresses()) {
                assertThat(held.values())
                        .as("holders of %s", Prefixes.format(address))
                        .noneMatch(other -> other.addresses().contains(address));
                assertThat(owned)
                        .as("owner of %s", Prefixes.format(address))
                        .anyMatch(block -> Prefixes.contains(block, address));
                Instant at = released.get(address);
                if (at != null) {
                    assertThat(clock.instant()).isAfterOrEqualTo(at.plus(COOL_DOWN));
                }
                assertThat(published).doesNotContain(address);
                published.add(address);
            }
            held.put(container, lease);
        }

        private void release() {
            for (String container : sample()) {
                Lease lease = requireNonNull(held.remove(container));
                assertThat(book.release(container, "eth0")).hasValue(lease);
                lease.addresses().forEach(address -> released.put(address, clock.instant()));
                assertThat(book.release(container, "eth0")).isEmpty();
            }
        }

        private void repeat() {
            for (String container : sample()) {
                assertThat(book.lease(container, "eth0", "", Set.of()))
                        .isEqualTo(new LeaseOutcome.Leased(requireNonNull(held.get(container)), true));
            }
        }

        private void withdraw() {
            published.removeIf(address ->
                    held.values().stream().noneMatch(lease -> lease.addresses().contains(address)));
        }

        /** The node sees some of the revisions that it has not seen. */
        private void deliver() {
            for (int i = random.nextInt(4); i >= 0 && delivered < history.size(); i--) {
                tell(history.get(delivered++));
            }
            if (random.nextInt(4) == 0) {
                saved = delivered;
            }
        }

        private void writeDemand() {
            Demand wanted = book.demand(Set.of());
            if (late != null) {
                // the process writes one at a time: the answer that it waited for never came
                mustWrite = true;
            }
            if (!mustWrite && !book.reclaiming() && wanted.equals(demand)) {
                return;
            }
            if (book.reclaiming()) {
                reclaims++;
            }
            // read first, then compare: what is still on its way fails when this succeeds
            long compared = demandRevision;
            if (random.nextInt(4) == 0) {
                late = new Pending(wanted, compared);
                mustWrite = true;
                return;
            }
            put(wanted);
            mustWrite = false;
            book.written(wanted, revision);
        }

        private void lateWrite() {
            if (late != null && late.comparedWith() == demandRevision) {
                put(late.demand());
            }
            late = null;
        }

        private void put(Demand wanted) {
            demand = wanted;
            demandRevision = ++revision;
            history.add(new Seen(revision, Set.copyOf(owned)));
        }

        /** The leader sees the newest demand, or some of it. */
        private void lead() {
            long wanted = demand.getPoolsList().stream()
                    .mapToLong(pool -> pool.getWantedIpv4())
                    .sum();
            Set<Prefix> offered = new HashSet<>();
            demand.getPoolsList().forEach(pool -> offered.addAll(pool.getOfferedList()));
            for (Prefix block : offered) {
                if (owned.remove(block)) {
                    returns++;
                    history.add(new Seen(++revision, Set.copyOf(owned)));
                }
            }
            if (wanted > owned.size() * 8L) {
                grant();
            }
        }

        private void grant() {
            Prefix block = parse("10.0.%d.%d/29".formatted(nextBlock / 31, 8 + 8 * (nextBlock % 31)));
            nextBlock++;
            owned.add(block);
            history.add(new Seen(++revision, Set.copyOf(owned)));
        }

        /** Killed, and started from a state on disk that may lag behind. */
        private void restart() {
            saved = Math.min(saved, delivered);
            delivered = saved;
            mustWrite = true;
            book = start();
        }

        private LeaseBook start() {
            var settings = new Settings(COOL_DOWN, 4, Duration.ofSeconds(30));
            LeaseBook started = LeaseBook.open(directory, settings, clock, address -> !published.contains(address));
            started.pools(List.of(PoolRanges.newBuilder()
                    .setName("default")
                    .addRanges(parse("10.0.0.0/16"))
                    .build()));
            if (saved > 0) {
                Seen last = history.get(saved - 1);
                started.blocks(blocks(last), last.revision());
            }
            return started;
        }

        private void tell(Seen seen) {
            book.blocks(blocks(seen), seen.revision());
        }

        private static List<Block> blocks(Seen seen) {
            return seen.blocks().stream()
                    .map(block -> Block.newBuilder()
                            .setPool("default")
                            .setBlock(block)
                            .build())
                    .toList();
        }

        private List<String> sample() {
            List<String> some = new ArrayList<>(held.keySet());
            some.sort(null);
            Collections.shuffle(some, random);
            return some.subList(0, Math.min(some.size(), random.nextInt(9)));
        }
    }
}

package io.pilus.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Addresses, through whatever order of things a seed comes up with. */
class AddressSimulationTest {

    private static final String GUARD =
            "without the cool-down an address was two pods' in run 194, without a block's rest it was granted too early in run 62; with what the node had seen taken for all that is published"
                    + " (as it was) in run 53";

    private static final Path MEMORY = Path.of("/dev/shm");

    @Test
    void noAddressIsGivenTwiceAndNothingIsLeftAtRest() {
        long runs = Runs.of(5_000, AddressSimulationTest::run);

        CaseBook.open()
                .write(FaultCase.of(Chapter.IDENTITIES, "addresses in random orders")
                        .done(
                                "two replicas of ipam-service, the publisher of endpoints, and three nodes with their lease books on disk over a"
                                        + " simulated store, 14 addresses in all: attach, detach, offer, take back, crash, restart, partition, lost"
                                        + " requests and answers, deposed leaders, compaction; every kernel and the store compared after every change")
                        .times(runs)
                        .lost("no address twice, no block of two nodes; no lease, endpoint or block left at rest")
                        .guard(GUARD));
    }

    @Test
    void anAddressIsNotGivenAgainWhileWhatWasSaidOfItIsPublished(@TempDir Path disk) {
        var world = new AddressWorld(1, disk, null);
        world.begin();
        AddressWorld.Agent node = world.agent("a");
        for (int i = 0; i < 4; i++) {
            node.attachNew();
            world.finish();
        }
        List<String> all = node.addresses();
        node.report();
        world.finish();
        // it has said what it attached, and sees nothing of what comes of that
        node.cut(true);
        node.detachAny();
        world.publishAll();
        world.pass(AddressWorld.COOL_DOWN);

        node.attachNew();
        world.finish();

        assertThat(node.addresses()).hasSize(all.size() - 1);
        node.cut(false);
        world.settle();
        world.settle();
        node.attachNew();
        world.finish();
        assertThat(node.addresses()).hasSize(all.size());
        world.rest();

        CaseBook.open()
                .write(FaultCase.of(
                                Chapter.IDENTITIES,
                                "an endpoint published while its node is cut off and has taken the pod away")
                        .done(
                                "a node says what it attached and is cut off; the pod goes, its endpoint is published, the cool-down passes")
                        .times(1)
                        .lost("nothing: the address is given again when the store says nothing of it any more")
                        .guard(
                                "with what the node had seen taken for all that is published, as it was, two pods had the address in run 53 of the"
                                        + " random orders"));
    }

    private static void run(long seed, int operations, @Nullable List<String> journal) {
        try {
            Path disk = Files.isWritable(MEMORY)
                    ? Files.createTempDirectory(MEMORY, "pilus-simulation-")
                    : Files.createTempDirectory("pilus-simulation-");
            try {
                var world = new AddressWorld(seed, disk, journal);
                world.play(operations);
                world.rest();
            } finally {
                try (Stream<Path> files = Files.walk(disk)) {
                    for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                        Files.delete(file);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package io.pilus.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.pilus.testing.cases.CaseBook;
import io.pilus.testing.cases.Chapter;
import io.pilus.testing.cases.FaultCase;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Numbers of identities, through whatever order of things a seed comes up with. */
class IdentitySimulationTest {

    private static final String GUARD =
            "without the comparison with the notes of freed numbers one stood for two label sets in run 66; without that of the"
                    + " identity's key in run 54; with numbers given back before every node had realised that in run 12";

    @Test
    void noNumberStandsForTwoLabelSetsAndNothingIsLeftAtRest() {
        AtomicLong givenAgain = new AtomicLong();

        long runs = Runs.of(10_000, (seed, operations, journal) -> {
            var world = new IdentityWorld(seed, journal);
            world.play(operations);
            givenAgain.addAndGet(world.givenAgain());
            world.rest();
        });

        // else the runs would not come to what they are about
        assertThat(givenAgain.get() * 50).isGreaterThan(runs);
        CaseBook.open()
                .write(FaultCase.of(Chapter.IDENTITIES, "numbers of identities in random orders")
                        .done(
                                "two replicas of identity-service, three nodes and a compile leader over a simulated store: create, relabel,"
                                        + " delete, attach, detach, publish, collect, crash, partition, lost requests and answers, deposed leaders,"
                                        + " compaction; every observer compared after every change")
                        .times(runs)
                        .lost("no number for two label sets at once; nothing left at rest")
                        .guard(GUARD));
    }

    @Test
    void aSeedDecidesEverything() {
        for (long seed = 0; seed < 50; seed++) {
            assertThat(fingerprint(seed)).as("seed %d", seed).isEqualTo(fingerprint(seed));
        }
    }

    @Test
    void aNumberIsNotGivenAgainWhileAPodOnANodeThatWasCutOffHasIt() {
        var world = new IdentityWorld(1, null);
        world.elect(world.replica(0));
        world.finish();
        create(world, "old", "a", "web");
        int number = world.number("web").orElseThrow();
        IdentityWorld.Agent cutOff = world.agent("a");
        world.partition(cutOff.life(), "a");
        // kubelet does not know of it: the pod starts with what its node knew
        cutOff.attachAny();
        world.finish();
        assertThat(cutOff.numbers()).containsExactly(number);

        world.delete(world.replica(0), "old");
        passes(world);
        assertThat(world.number("web")).isEmpty();
        create(world, "new", "b", "web");
        create(world, "other", "b", "db");
        // there is no third number
        create(world, "third", "b", "job");
        passes(world);

        assertThat(world.number("web")).isPresent().get().isNotEqualTo(number);
        assertThat(world.number("db")).isPresent().get().isNotEqualTo(number);
        assertThat(world.number("job")).isEmpty();
        world.heal(cutOff.life());
        passes(world);
        create(world, "third", "b", "job");
        assertThat(cutOff.numbers()).containsExactly(number);
        assertThat(world.number("job")).isEmpty();
        cutOff.detachAll();
        passes(world);
        create(world, "third", "b", "job");
        assertThat(world.number("job")).contains(number);
        world.rest();

        CaseBook.open()
                .write(FaultCase.of(
                                Chapter.IDENTITIES,
                                "a label set freed and used again while its old pod still runs on a node that is cut off")
                        .done(
                                "a pod starts on a node just cut off, its workload is deleted, all other numbers are used up, the node comes back")
                        .times(1)
                        .lost("nothing: the number comes back only when the old pod is gone")
                        .guard(
                                "with a node that says it has realised what it has seen whatever its pods have, the random orders had the number for"
                                        + " two label sets in run 398"));
    }

    @Test
    void anIdentityThatANodeHasReportedIsKeptWhileItIsCutOff() {
        var world = new IdentityWorld(1, null);
        world.elect(world.replica(0));
        world.finish();
        create(world, "old", "a", "web");
        int number = world.number("web").orElseThrow();
        IdentityWorld.Agent cutOff = world.agent("a");
        cutOff.attachAny();
        passes(world);
        world.partition(cutOff.life(), "a");

        world.delete(world.replica(0), "old");
        passes(world);
        create(world, "new", "b", "web");

        assertThat(world.number("web")).contains(number);
        world.heal(cutOff.life());
        world.rest();
    }

    @Test
    void aNumberIsNotGivenAgainWhileAPodIsBeingAttachedWithIt() {
        var world = new IdentityWorld(1, null);
        world.elect(world.replica(0));
        world.finish();
        create(world, "old", "a", "web");
        int number = world.number("web").orElseThrow();
        IdentityWorld.Agent slow = world.agent("a");
        String uid = slow.workloads().getFirst();
        assertThat(slow.tell(uid)).isTrue();

        world.delete(world.replica(0), "old");
        passes(world);

        assertThat(world.number("web")).isEmpty();
        assertThat(world.isFree(number)).isFalse();
        slow.make(uid);
        slow.detach(uid);
        passes(world);
        assertThat(world.isFree(number)).isTrue();
        world.rest();

        CaseBook.open()
                .write(
                        FaultCase.of(Chapter.IDENTITIES, "a label set freed while a pod is being attached with it")
                                .done(
                                        "a container is told its identity, its workload is deleted and collected before the endpoint is made")
                                .times(1)
                                .lost("nothing: the number comes back only when the attachment is given up or gone")
                                .guard(
                                        "with attached pods looked at alone, as it was, the number was free while the pod was about to get it"));
    }

    private static void create(IdentityWorld world, String name, String node, String label) {
        world.create(world.replica(0), name, node, label);
        world.finish();
        world.compile();
        world.finish();
        world.everybodySees();
    }

    /** Long enough for everything that takes time. */
    private static void passes(IdentityWorld world) {
        for (int i = 0; i < 8; i++) {
            world.aWhile();
            world.finish();
        }
    }

    private static int fingerprint(long seed) {
        var world = new IdentityWorld(seed, null);
        world.play(40);
        return world.fingerprint();
    }
}

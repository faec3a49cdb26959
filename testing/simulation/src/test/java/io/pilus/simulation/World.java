package io.pilus.simulation;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.pilus.contract.Key;
import io.pilus.contract.v1.Leader;
import io.pilus.etcd.EtcdRefusedException;
import io.pilus.etcd.EtcdUnavailableException;
import io.pilus.etcd.Leadership.Term;
import io.pilus.etcd.TransactionResult;
import io.pilus.messaging.etcd.EtcdChange;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A cluster over a simulated store, where a seed decides what happens and who goes on. The first thing that goes wrong ends the run. */
abstract class World {

    static final List<String> NODES = List.of("a", "b", "c");
    static final int REPLICAS = 2;
    static final MeterRegistry METERS = new SimpleMeterRegistry();

    final Random random;
    final SimulatedClock clock = new SimulatedClock();
    final SimulatedEtcd etcd = new SimulatedEtcd(this::committed);
    final Schedule schedule;

    /** Whether the network loses nothing. */
    final boolean[] calm = {true};

    private final Key<Leader> leader;
    private final @Nullable List<String> journal;
    private long leaderLease;
    private @Nullable Throwable failure;

    /**
     * @param leader of which service the replicas are
     * @param journal is told what happens, if given
     */
    World(long seed, Key<Leader> leader, @Nullable List<String> journal) {
        this.random = new Random(seed * 0x9E3779B97F4A7C15L ^ seed >>> 7);
        this.schedule = new Schedule(random);
        this.leader = leader;
        this.journal = journal;
    }

    /** One life of a replica that may lead. */
    abstract class Candidate extends Life {

        final String name;
        Optional<Term> term = Optional.empty();

        Candidate(String name) {
            super(etcd, random, calm);
            this.name = name;
        }

        /** It leads from now on. */
        void elected() {}
    }

    /** Who leads first. */
    abstract Candidate first();

    /** Something happens. */
    abstract void operate(boolean quiet);

    /** Things calm down, or begin to move again. */
    abstract void turn(boolean quiet);

    /** Compares what observers see with what the store says now. */
    abstract void observe(List<Change> changes);

    /** So many random operations, and between them whoever can go on. */
    final void play(int operations) {
        elect(first());
        finish();
        calm[0] = false;
        boolean quiet = false;
        for (int done = 0; done < operations; ) {
            if (schedule.ready() > 0 && random.nextInt(100) < 70) {
                schedule.step();
            } else {
                // what was given back comes back only where nothing much happens for a while
                if (done % 12 == 0) {
                    quiet = random.nextBoolean();
                    turn(quiet);
                }
                operate(quiet);
                done++;
            }
            check();
        }
    }

    /** Everything that was begun ends. */
    final void finish() {
        while (schedule.step()) {
            check();
        }
    }

    final void run(String what, Life process, Runnable task) {
        log(what);
        schedule.start(() -> {
            try {
                task.run();
            } catch (EtcdUnavailableException e) {
                log(what + ": " + e.getMessage());
            } catch (RuntimeException | AssertionError e) {
                if (isRefusal(e)) {
                    log(what + ": refused: " + e.getMessage());
                } else if (!process.isKilled()) {
                    fail(e);
                }
            }
        });
    }

    /** Whether it is an answer that whoever asks must reckon with. */
    boolean isRefusal(Throwable thrown) {
        return thrown instanceof EtcdRefusedException;
    }

    final void elect(Candidate replica) {
        if (replica.term.isPresent()) {
            return;
        }
        run("elect " + replica.name, replica, () -> {
            long lease = etcd.grant();
            boolean won = false;
            try {
                TransactionResult result = replica.store
                        .transaction()
                        .ifAbsent(leader)
                        .put(
                                leader,
                                Leader.newBuilder().setReplica(replica.name).build(),
                                lease)
                        .commit();
                won = result.succeeded();
                if (won) {
                    leaderLease = lease;
                    replica.term = Optional.of(new Term(result.revision(), leader));
                    replica.elected();
                }
            } finally {
                if (!won) {
                    etcd.revoke(lease);
                }
            }
        });
    }

    /** The leader is deposed, and does not know it. */
    final void endLease() {
        etcd.revoke(leaderLease);
    }

    /** A leader may be deposed and go on for a while; another may come. */
    final void changeLeader(Candidate replica) {
        if (random.nextInt(3) == 0) {
            log("the leader's lease ends");
            endLease();
        }
        replica.term = random.nextInt(3) == 0 ? Optional.empty() : replica.term;
        elect(replica);
    }

    /** History up to some revision before the newest goes. */
    final void compact() {
        if (etcd.revision() > etcd.firstKept() + 4) {
            etcd.compact(etcd.revision() - random.nextInt(4));
        }
    }

    final void fail(Throwable seen) {
        failure = failure == null ? seen : failure;
    }

    /**
     * @throws AssertionError when something has gone wrong
     */
    final void check() {
        Throwable seen = failure;
        if (seen != null) {
            throw new AssertionError(seen.getMessage(), seen);
        }
    }

    final void log(String line) {
        if (journal != null) {
            journal.add(etcd.revision() + "  " + line);
        }
    }

    final long deliver(long seen, String prefix, int most, Consumer<EtcdChange> to) {
        return Deliveries.deliver(etcd, seen, prefix, most, to);
    }

    private void committed(List<Change> changes) {
        if (journal != null) {
            changes.forEach(change -> log("    " + (change.value() == null ? "- " : "+ ") + change.key()));
        }
        try {
            observe(changes);
        } catch (AssertionError e) {
            fail(e);
        }
    }
}

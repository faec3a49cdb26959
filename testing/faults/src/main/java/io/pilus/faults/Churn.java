package io.pilus.faults;

import io.pilus.lab.Lab;
import io.pilus.lab.LabException;
import io.pilus.lab.Pod;
import io.pilus.lab.PodSpec;
import io.pilus.lab.ProbeResult;
import io.pilus.lab.Transport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.Supplier;

/**
 * Pods that come and go on a node, every other one a friend of the server's. Workloads are registered ahead, as a scheduler does it,
 * so that attaching goes on while the control plane is away. Whatever fails is tried again, as kubelet and controllers do.
 */
public final class Churn {

    private static final int AHEAD = 6;
    private static final Duration PAUSE = Duration.ofMillis(100);
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Duration GLANCE = Duration.ofMillis(500);

    private final Lab lab;
    private final String node;
    private final Pod server;
    private final int port;
    private final Map<String, String> friendly;
    private final Deque<Scheduled> scheduled = new ConcurrentLinkedDeque<>();
    private final List<String> wrong = new ArrayList<>();
    private final Repetition scheduling;
    private final Repetition running;
    private volatile boolean ending;
    private long attached;
    private long retries;

    private record Scheduled(PodSpec spec, String uid, boolean friend) {}

    private Churn(Lab lab, String node, Pod server, int port, Map<String, String> friendly) {
        this.lab = lab;
        this.node = node;
        this.server = server;
        this.port = port;
        this.friendly = friendly;
        for (int round = 0; round < AHEAD; round++) {
            schedule(round);
        }
        this.scheduling = Repetition.start("scheduler of " + node, PAUSE, round -> schedule(AHEAD + round));
        this.running = Repetition.start("churn on " + node, PAUSE, _ -> runOne());
    }

    /**
     * Begins.
     *
     * @param friendly labels of a pod that policy lets reach the server's port; pods with others it keeps out
     */
    public static Churn start(Lab lab, String node, Pod server, int port, Map<String, String> friendly) {
        return new Churn(lab, node, server, port, friendly);
    }

    /** Ends it, and takes every pod and workload away. */
    public Count stop() {
        ending = true;
        running.stop();
        scheduling.stop();
        scheduled.forEach(pod -> again(() -> unregister(pod)));
        return new Count(attached, retries, List.copyOf(wrong));
    }

    private void schedule(long round) {
        if (scheduled.size() < AHEAD && !ending) {
            boolean friend = round % 2 == 0;
            Map<String, String> labels = friend ? friendly : Map.of("stranger", "n" + round % 3);
            var spec = new PodSpec(server.namespace(), "churn-" + node + "-" + round, node, labels, List.of());
            try {
                scheduled.add(new Scheduled(spec, lab.register(spec), friend));
            } catch (LabException _) {
                // the control plane is away; whether it has taken the workload, nobody knows
                again(() -> {
                    lab.forget(spec);
                    return true;
                });
            }
        }
    }

    private void runOne() {
        Scheduled next = scheduled.poll();
        if (next == null) {
            return;
        }
        Pod pod = again(() -> lab.run(next.spec(), next.uid()));
        attached++;
        Duration patience = next.friend() ? PATIENCE : GLANCE;
        for (String address : List.of(server.ipv4(), server.ipv6())) {
            ProbeResult result =
                    pod.prober().probe(Transport.TCP, address, port, patience).join();
            if (result.answered() != next.friend()) {
                wrong.add(pod + " with " + pod.spec().labels() + " to " + address + ": " + result);
            }
        }
        lab.detach(pod);
        again(() -> unregister(next));
    }

    private boolean unregister(Scheduled pod) {
        lab.unregister(pod.spec());
        return true;
    }

    private <T> T again(Supplier<T> work) {
        long deadline = System.nanoTime() + Duration.ofMinutes(5).toNanos();
        while (true) {
            try {
                return work.get();
            } catch (LabException e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
                retries++;
            }
        }
    }

    /**
     * @param attached pods that were attached, tried and detached
     * @param retries requests that failed and were made again
     * @param wrong what a pod could reach against its policy, or could not reach
     */
    public record Count(long attached, long retries, List<String> wrong) {}
}

package io.pilus.faults;

import io.pilus.lab.Conversation;
import io.pilus.lab.Pod;
import io.pilus.lab.ProbeResult;
import io.pilus.lab.Transport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * Constant traffic to a pod that policy opens to some pods and closes to others: long conversations, and new connections all the
 * time.
 */
public final class Traffic {

    private static final Duration INTERVAL = Duration.ofMillis(10);
    private static final Duration BETWEEN_CONNECTIONS = Duration.ofMillis(50);

    /** Of an allowed connection: nothing is lost on these wires, but two cores may be busy. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    /** Of a forbidden one. */
    private static final Duration GLANCE = Duration.ofMillis(500);

    private final Pod server;
    private final List<Conversation> conversations = new ArrayList<>();
    private final Collection<CompletableFuture<ProbeResult>> allowed = new ConcurrentLinkedQueue<>();
    private final Collection<CompletableFuture<ProbeResult>> forbidden = new ConcurrentLinkedQueue<>();
    private final Repetition connecting;

    private Traffic(Pod server, List<Pod> friends, List<Pod> strangers, int port) {
        this.server = server;
        for (Pod friend : friends) {
            conversations.add(friend.prober().converse(Transport.TCP, server.ipv4(), port, INTERVAL));
            conversations.add(friend.prober().converse(Transport.UDP, server.ipv6(), port, INTERVAL));
        }
        this.connecting = Repetition.start("connections to " + server, BETWEEN_CONNECTIONS, round -> {
            boolean six = round % 2 == 0;
            Transport transport = round % 4 < 2 ? Transport.TCP : Transport.UDP;
            friends.forEach(friend -> allowed.add(connect(friend, transport, six, port, PATIENCE)));
            strangers.forEach(stranger -> forbidden.add(connect(stranger, transport, six, port, GLANCE)));
        });
    }

    /**
     * Begins.
     *
     * @param friends pods that policy lets reach the server's port
     * @param strangers pods that it keeps out
     */
    public static Traffic start(Pod server, int port, List<Pod> friends, List<Pod> strangers) {
        return new Traffic(server, friends, strangers, port);
    }

    /** Ends it, and counts. */
    public Losses stop() {
        connecting.stop();
        long sent = 0;
        long lost = 0;
        List<String> errors = new ArrayList<>();
        for (Conversation conversation : conversations) {
            Conversation.Count count = conversation.stop();
            sent += count.sent();
            lost += count.lost();
            if (!count.error().isEmpty()) {
                errors.add(count.error());
            }
        }
        List<ProbeResult> attempts =
                allowed.stream().map(CompletableFuture::join).toList();
        attempts.stream()
                .filter(attempt -> !attempt.answered())
                .map(ProbeResult::toString)
                .distinct()
                .forEach(errors::add);
        return new Losses(
                sent,
                lost,
                allowed.size(),
                attempts.stream().filter(attempt -> !attempt.answered()).count(),
                forbidden.size(),
                forbidden.stream()
                        .map(CompletableFuture::join)
                        .filter(ProbeResult::answered)
                        .count(),
                errors);
    }

    private CompletableFuture<ProbeResult> connect(
            Pod from, Transport transport, boolean six, int port, Duration timeout) {
        return from.prober().probe(transport, six ? server.ipv6() : server.ipv4(), port, timeout);
    }
}

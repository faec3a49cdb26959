package io.pilus.node.flow;

import com.google.protobuf.ByteString;
import io.pilus.contract.Identities;
import io.pilus.contract.Prefixes;
import io.pilus.node.datapath.Event;
import io.pilus.node.datapath.Verdict;
import io.pilus.node.endpoint.Attachment;
import io.pilus.node.endpoint.Endpoints;
import io.pilus.node.policy.RuleNumberFile;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** The last flows of this node, and those to come. Flows are numbered from 1 in each run of the agent. */
@Singleton
public final class FlowLog {

    /** How many flows are kept. */
    static final int KEPT = 8192;

    /** How many a follower is given at once. */
    private static final int PAGE = 256;

    /** Shorter than anything between a reader and the agent waits before it takes a connection for dead. */
    private static final int SILENCE_SECONDS = 15;

    private static final int NODE_RULE = 1;
    private static final int OPEN_RULE = 2;
    private static final int INGRESS = 1;

    private final RuleNumberFile rules;
    private final Endpoints endpoints;
    private final Names names;
    private final Clock clock;
    private final String run =
            HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
    private final Flow[] kept = new Flow[KEPT];
    private long last;

    /** Completed by the next flow; null while nobody waits. */
    private @Nullable CompletableFuture<Void> arrival;

    FlowLog(RuleNumberFile rules, Endpoints endpoints, Names names, Clock clock) {
        this.rules = rules;
        this.endpoints = endpoints;
        this.names = names;
        this.clock = clock;
    }

    /** Called for each event of the datapath, in their order. */
    void add(Event event) {
        CompletableFuture<Void> awaited;
        synchronized (this) {
            last++;
            kept[(int) (last % KEPT)] = flow(event, new Cursor(run, last));
            awaited = arrival;
            arrival = null;
        }
        if (awaited != null) {
            awaited.complete(null);
        }
    }

    /**
     * What is kept, oldest first.
     *
     * @param after only what came after it; all when it is null or of another run
     */
    List<Flow> recent(@Nullable Cursor after) {
        return between(position(after), KEPT);
    }

    /**
     * What {@link #recent} gives and then what comes, as fast as the reader takes it; an empty page where nothing comes for
     * {@link #SILENCE_SECONDS}, and at the beginning. A reader that falls behind by more than is kept goes on with the oldest that is.
     */
    Multi<List<Flow>> follow(@Nullable Cursor after) {
        Multi<List<Flow>> pages = Multi.createBy()
                .repeating()
                .uni(() -> new AtomicLong(position(after)), this::next)
                .indefinitely();
        return Multi.createBy().concatenating().streams(Multi.createFrom().item(List.of()), pages);
    }

    private synchronized long position(@Nullable Cursor after) {
        return after != null && after.run().equals(run) ? Math.min(after.number(), last) : 0;
    }

    private Uni<List<Flow>> next(AtomicLong position) {
        return Uni.createFrom()
                .completionStage(() -> arrived(position.get()))
                .emitOn(Infrastructure.getDefaultExecutor())
                .map(_ -> {
                    List<Flow> flows = between(position.get(), PAGE);
                    if (!flows.isEmpty()) {
                        position.set(flows.getLast().cursor().number());
                    }
                    return flows;
                });
    }

    /** Completes once there is a flow with a higher number, or after a while. */
    private synchronized CompletionStage<Void> arrived(long number) {
        if (number < last) {
            return CompletableFuture.completedStage(null);
        }
        if (arrival == null) {
            arrival = new CompletableFuture<>();
        }
        // a copy: a reader that gives up must not end the others' wait
        return arrival.copy().completeOnTimeout(null, SILENCE_SECONDS, TimeUnit.SECONDS);
    }

    private synchronized List<Flow> between(long after, int most) {
        List<Flow> found = new ArrayList<>();
        long first = Math.max(after, Math.max(0, last - KEPT)) + 1;
        for (long number = first; number <= last && found.size() < most; number++) {
            found.add(kept[(int) (number % KEPT)]);
        }
        return found;
    }

    private Flow flow(Event event, Cursor cursor) {
        boolean ingress = event.direction() == INGRESS;
        boolean reply = (event.flags() & Event.REPLY) != 0;
        boolean subjectSends = event.subjectSends();
        Optional<Attachment> subject = endpoints.byNumber(event.endpoint());
        String subjectIdentity =
                subject.map(endpoint -> Identities.name(endpoint.identity())).orElse(null);
        String peerIdentity = event.peer() == 0 ? null : Identities.name(event.peer());
        return new Flow(
                cursor,
                Instant.now(clock).minusNanos(System.nanoTime() - event.time()),
                Verdict.of(event.verdict()).name(),
                ingress ? "ingress" : "egress",
                reply,
                party(event, event.source(), event.sourcePort(), subjectSends ? subjectIdentity : peerIdentity),
                party(
                        event,
                        event.destination(),
                        event.destinationPort(),
                        subjectSends ? peerIdentity : subjectIdentity),
                protocol(event.protocol()),
                rule(event.rule()),
                event.packets());
    }

    private Flow.Party party(Event event, ByteString address, int port, @Nullable String identity) {
        boolean ports = hasPorts(event.protocol());
        return new Flow.Party(
                Prefixes.format(address), ports ? port : null, workload(address).orElse(null), identity);
    }

    private Optional<String> workload(ByteString address) {
        for (Attachment attachment : endpoints.all()) {
            if (attachment.addresses().contains(address)) {
                return Optional.of(attachment.namespace() + "/" + attachment.name());
            }
        }
        return names.of(address);
    }

    private Flow.@Nullable Rule rule(int number) {
        return switch (number) {
            case 0 -> null;
            case NODE_RULE -> new Flow.Rule("built-in", "a node and its own pods");
            case OPEN_RULE -> new Flow.Rule("built-in", "no policy isolates the workload");
            default ->
                rules.rule(number)
                        .map(rule -> new Flow.Rule(rule.document(), rule.path()))
                        .orElseGet(() -> new Flow.Rule("unknown", "rule number " + number));
        };
    }

    private static boolean hasPorts(int protocol) {
        return switch (protocol) {
            case 6, 17, 132 -> true;
            default -> false;
        };
    }

    private static String protocol(int number) {
        return switch (number) {
            case 1 -> "ICMP";
            case 6 -> "TCP";
            case 17 -> "UDP";
            case 58 -> "ICMPv6";
            case 132 -> "SCTP";
            default -> Integer.toString(number);
        };
    }
}

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
import io.smallrye.mutiny.operators.multi.processors.BroadcastProcessor;
import io.smallrye.mutiny.subscription.BackPressureFailure;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The last flows of this node, and those to come. */
@Singleton
public final class FlowLog {

    /** How many flows are kept. */
    private static final int KEPT = 8192;

    /** How far a reader may fall behind before it is let go. */
    private static final int BEHIND = 8192;

    private static final int NODE_RULE = 1;
    private static final int OPEN_RULE = 2;
    private static final int INGRESS = 1;

    private final RuleNumberFile rules;
    private final Endpoints endpoints;
    private final Names names;
    private final Clock clock;
    private final Deque<Flow> kept = new ArrayDeque<>();
    private final BroadcastProcessor<Flow> live = BroadcastProcessor.create();

    FlowLog(RuleNumberFile rules, Endpoints endpoints, Names names, Clock clock) {
        this.rules = rules;
        this.endpoints = endpoints;
        this.names = names;
        this.clock = clock;
    }

    /** Called for each event of the datapath, in their order. */
    void add(Event event) {
        Flow flow = flow(event);
        synchronized (this) {
            if (kept.size() == KEPT) {
                kept.removeFirst();
            }
            kept.addLast(flow);
            live.onNext(flow);
        }
    }

    /** What is kept, oldest first. */
    synchronized List<Flow> recent() {
        return new ArrayList<>(kept);
    }

    /** What is kept and then what comes; ends for a reader that is too slow. */
    Multi<Flow> follow() {
        List<Flow> before;
        Multi<Flow> after;
        synchronized (this) {
            before = recent();
            after = live.onOverflow().buffer(BEHIND);
        }
        return Multi.createBy()
                .concatenating()
                .streams(Multi.createFrom().iterable(before), after)
                .onFailure(BackPressureFailure.class)
                .recoverWithCompletion();
    }

    private Flow flow(Event event) {
        boolean ingress = event.direction() == INGRESS;
        boolean reply = (event.flags() & Event.REPLY) != 0;
        // of the packet, the subject is the sender when the policy asked is its egress, or when it replies
        boolean subjectSends = ingress == reply;
        Optional<Attachment> subject = endpoints.byNumber(event.endpoint());
        String subjectIdentity =
                subject.map(endpoint -> Identities.name(endpoint.identity())).orElse(null);
        String peerIdentity = event.peer() == 0 ? null : Identities.name(event.peer());
        return new Flow(
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

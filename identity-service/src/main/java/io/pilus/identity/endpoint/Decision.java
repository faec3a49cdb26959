package io.pilus.identity.endpoint;

import com.google.protobuf.ByteString;
import io.pilus.contract.Identities;
import io.pilus.contract.Prefixes;
import io.pilus.contract.v1.Attached;
import io.pilus.contract.v1.Endpoint;
import io.pilus.identity.view.EndpointFacts;
import io.pilus.identity.view.SeenWorkload;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** What to tell the other nodes about an endpoint. A pure function of what is known. */
sealed interface Decision {

    /** What is published is right. */
    record Keep() implements Decision {}

    /**
     * Publish this.
     *
     * @param blocks keys of the blocks that its new addresses lie in
     */
    record Publish(Endpoint endpoint, Set<String> blocks) implements Decision {}

    /** Publish nothing any more. */
    record Withdraw() implements Decision {}

    /** The node claims what it was not given: what is published, if anything, stays. */
    record Refuse(String reason, String message) implements Decision {}

    /**
     * A vanished workload takes nothing away, as its pod may still run; and a node that has not followed a relabelling yet keeps what
     * it was given before.
     */
    static Decision of(EndpointFacts facts) {
        Endpoint published =
                facts.published() == null ? null : facts.published().value();
        if (!facts.registered() || facts.attached() == null) {
            return published == null ? new Keep() : new Withdraw();
        }
        Attached attached = facts.attached().value();
        SeenWorkload workload = facts.workload();
        if (published != null
                && published.getIdentity() == attached.getIdentity()
                && published.getAddressesList().equals(attached.getAddressesList())) {
            return new Keep();
        }
        String node = facts.spot().node();
        if ((workload == null && published == null)
                || !attached.getUid().equals(facts.spot().uid())) {
            return new Refuse(
                    "not-its-workload",
                    "node '%s' says it has attached workload %s, which was never assigned to it; if the node can be trusted, detach it there"
                            .formatted(node, facts.spot().uid()));
        }
        boolean assigned = workload != null && workload.identity() == attached.getIdentity();
        boolean kept = published != null && published.getIdentity() == attached.getIdentity();
        if (!assigned && !kept) {
            return new Refuse(
                    "wrong-identity",
                    "node '%s' says that workload %s has identity %s, but it was given %s; if this stays, restart the node's agent"
                            .formatted(
                                    node,
                                    facts.spot().uid(),
                                    Identities.name(attached.getIdentity()),
                                    Identities.name(
                                            workload != null
                                                    ? workload.identity()
                                                    : published == null ? 0 : published.getIdentity())));
        }
        Set<ByteString> known = published == null ? Set.of() : new HashSet<>(published.getAddressesList());
        Set<String> blocks = new TreeSet<>();
        for (ByteString address : attached.getAddressesList()) {
            if (!known.contains(address)) {
                List<String> holding = facts.blocks().entrySet().stream()
                        .filter(block -> Prefixes.contains(block.getValue(), address))
                        .map(Map.Entry::getKey)
                        .toList();
                if (holding.isEmpty()) {
                    return new Refuse(
                            "address-outside-blocks",
                            "node '%s' says that workload %s has the address %s, which lies in none of the node's blocks; detach the workload there and attach it again"
                                    .formatted(node, facts.spot().uid(), Prefixes.format(address)));
                }
                blocks.add(holding.getFirst());
            }
        }
        return new Publish(
                Endpoint.newBuilder()
                        .setUid(facts.spot().uid())
                        .setNode(node)
                        .setNamespace(
                                workload != null
                                        ? workload.namespace()
                                        : published == null ? "" : published.getNamespace())
                        .setName(workload != null ? workload.name() : published == null ? "" : published.getName())
                        .setIdentity(attached.getIdentity())
                        .addAllAddresses(attached.getAddressesList())
                        .build(),
                blocks);
    }
}

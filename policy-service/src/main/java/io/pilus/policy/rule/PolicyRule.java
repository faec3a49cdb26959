package io.pilus.policy.rule;

import io.pilus.contract.v1.Action;
import io.pilus.contract.v1.Addresses;
import io.pilus.contract.v1.Direction;
import java.util.List;

/**
 * One rule of a document. Its peers are those of all selectors and blocks, or everybody.
 *
 * @param path where it stands in the document: {@code ingress[0]}
 * @param ports empty for all
 */
public record PolicyRule(
        String path,
        Direction direction,
        Action action,
        boolean anyPeer,
        List<PodSelector> selectors,
        List<Addresses> blocks,
        List<Port> ports) {

    public PolicyRule {
        selectors = List.copyOf(selectors);
        blocks = List.copyOf(blocks);
        ports = List.copyOf(ports);
    }

    /** Whether a port is named, not numbered. */
    public boolean namesPorts() {
        return ports.stream().anyMatch(Port.Named.class::isInstance);
    }
}

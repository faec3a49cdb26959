package io.pilus.node.report;

import io.pilus.contract.v1.RealisedError;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What of {@code cluster/} the kernel reflects. Asked with {@code NodeState.lock} held. */
public interface Realisation {

    /** The kernel reflects {@code cluster/} up to here, but for the errors. */
    long revision();

    List<RealisedError> errors();

    /** The documents that tables in force hold: kind, namespace/name as people write them. */
    Set<String> documents();

    /** How full the datapath's maps are, by what they hold. */
    Map<String, Fill> fill();

    /** Entries in a map, and how many it can have. */
    record Fill(int used, int capacity) {}
}

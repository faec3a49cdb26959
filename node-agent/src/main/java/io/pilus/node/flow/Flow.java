package io.pilus.node.flow;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A verdict of the datapath, in people's words.
 *
 * @param cursor its place among the flows of this node, for {@code after}: the agent's run, and an ascending number
 * @param verdict as docs/reference/verdicts.md names it
 * @param direction whose policy decided: {@code egress} of the opener, {@code ingress} of the receiver
 * @param reply the packet travelled against the connection's opening
 * @param rule what decided; null when no rule was asked
 * @param packets for how many packets it stands
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Flow(
        Cursor cursor,
        Instant time,
        String verdict,
        String direction,
        boolean reply,
        Party source,
        Party destination,
        String protocol,
        @Nullable Rule rule,
        int packets) {

    /**
     * One end.
     *
     * @param port null where the protocol has none
     * @param workload {@code namespace/name}, null when this node knows none of that address
     * @param identity null when it is not the subject's peer and no workload is known
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Party(
            String address,
            @Nullable Integer port,
            @Nullable String workload,
            @Nullable String identity) {}

    /**
     * @param document kind and name, for example {@code NetworkPolicy shop/db}
     * @param path where in the document, for example {@code ingress[0]}
     */
    public record Rule(String document, String path) {}

    /** Whether either end is this workload. */
    boolean concerns(String workload) {
        return workload.equals(source.workload()) || workload.equals(destination.workload());
    }
}

package io.pilus.node.report;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What this node knows, and how much of that is in the kernel.
 *
 * @param seen the newest revision of {@code cluster/} that has come
 * @param realised the revision that the kernel reflects, but for the errors
 * @param compiled the revision that published the policy which this node has seen
 * @param store which store this is: cluster, restores, etcd's own id; null while none is known
 * @param stranger why what the store says now is not taken; null while it is
 * @param errors what is not as the cluster says
 * @param documents whose tables are in force here
 * @param maps how full the datapath's maps are
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Status(
        String node,
        long seen,
        long realised,
        long compiled,
        @Nullable String store,
        @Nullable String stranger,
        int endpoints,
        List<Trouble> errors,
        List<String> documents,
        Map<String, Realisation.Fill> maps) {

    /**
     * Something that is not as it should be.
     *
     * @param subject what it is about
     * @param reason a slug
     */
    public record Trouble(String subject, String reason, String message) {}
}

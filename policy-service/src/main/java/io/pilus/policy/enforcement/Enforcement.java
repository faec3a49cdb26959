package io.pilus.policy.enforcement;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How far a document has come on the nodes to which workloads that it selects are assigned or attached.
 *
 * @param compiledAt the revision at which nodes see it; null while it is not compiled
 * @param enforced the nodes that have it in their kernel
 */
public record Enforcement(
        @Nullable Long compiledAt,
        List<String> enforced,
        List<String> pending,
        List<Silent> silent,
        List<Refusing> refusing) {

    /**
     * A node from which nothing is heard. Its kernel still forwards, by the policy that it had.
     *
     * @param since when it was last heard of; null when it never was
     */
    public record Silent(String node, @Nullable Instant since) {}

    /** A node that cannot bring the document into its kernel. */
    public record Refusing(String node, String reason, String message) {}

    public Enforcement {
        enforced = List.copyOf(enforced);
        pending = List.copyOf(pending);
        silent = List.copyOf(silent);
        refusing = List.copyOf(refusing);
    }

    public boolean isComplete() {
        return compiledAt != null && pending.isEmpty() && silent.isEmpty() && refusing.isEmpty();
    }
}

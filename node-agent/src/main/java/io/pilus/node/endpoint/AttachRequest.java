package io.pilus.node.endpoint;

import com.fasterxml.jackson.annotation.JsonProperty;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What to attach.
 *
 * @param uid of the workload; or its namespace and name
 * @param containerId of the sandbox that the runtime made; what is attached and detached goes by it
 * @param netns path of its network namespace
 * @param interfaceName the name that the interface gets there
 */
public record AttachRequest(
        @Nullable String uid,
        @Nullable String namespace,
        @Nullable String name,

        @NotNull @Pattern(regexp = "[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
        String containerId,

        @NotNull @Pattern(regexp = "/.{1,4000}") String netns,

        @JsonProperty("interface") @NotNull @Pattern(regexp = "[^/:\\s]{1,15}")
        String interfaceName) {

    WorkloadRef workload() {
        if (uid != null && !uid.isEmpty()) {
            return new WorkloadRef.ByUid(uid);
        }
        if (namespace != null && name != null) {
            return new WorkloadRef.ByName(namespace, name);
        }
        throw EndpointProblem.noWorkloadNamed();
    }
}

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

        @NotNull
        @Pattern(
                regexp = "[A-Za-z0-9][A-Za-z0-9_.-]{0,127}",
                message = "is no container id: at most 128 letters, digits, '_', '.' and '-', a letter or digit first")
        String containerId,

        @NotNull
        @Pattern(
                regexp = "/[^\\x00]{1,4000}",
                message = "is no absolute path of a network namespace, e.g. /run/netns/x")
        String netns,

        @JsonProperty("interface")
        @NotNull
        @Pattern(
                regexp = "(?!\\.{1,2}$)[^/:%\\s]{1,15}",
                message = "is no interface name: at most 15 characters without '/', ':', '%' and white space")
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

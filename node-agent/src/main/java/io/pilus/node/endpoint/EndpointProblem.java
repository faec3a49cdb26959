package io.pilus.node.endpoint;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;
import static jakarta.ws.rs.core.Response.Status.CONFLICT;
import static jakarta.ws.rs.core.Response.Status.NOT_FOUND;
import static jakarta.ws.rs.core.Response.Status.SERVICE_UNAVAILABLE;

import io.pilus.rest.ProblemException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;

/** Why a workload was not attached. Nothing is left of an attempt that ends in one of these. */
final class EndpointProblem {

    private EndpointProblem() {}

    static ProblemException noWorkloadNamed() {
        return new ProblemException(
                "workload-not-named", BAD_REQUEST, "give either 'uid' or both 'namespace' and 'name' of the workload");
    }

    static ProblemException notReady(WorkloadRef workload, Readiness.NotReady why) {
        return new ProblemException(
                "not-ready",
                SERVICE_UNAVAILABLE,
                workload + " cannot be attached yet: " + why.detail(),
                Map.of("missing", why.missing().name().toLowerCase(Locale.ROOT).replace('_', '-')));
    }

    static ProblemException noAddress(WorkloadRef workload, String pool, String detail) {
        return new ProblemException(
                "not-ready",
                SERVICE_UNAVAILABLE,
                workload + " cannot be attached yet: " + detail,
                Map.of("missing", "address", "pool", pool));
    }

    static ProblemException otherwiseAttached(Attachment attachment) {
        return new ProblemException(
                "otherwise-attached",
                CONFLICT,
                "container %s is attached as %s/%s, interface %s in %s; detach it first"
                        .formatted(
                                attachment.containerId(),
                                attachment.namespace(),
                                attachment.name(),
                                attachment.interfaceName(),
                                attachment.netns()),
                Map.of("uid", attachment.uid(), "netns", attachment.netns(), "interface", attachment.interfaceName()));
    }

    static ProblemException abandoned(String containerId) {
        return new ProblemException(
                "detached-meanwhile",
                CONFLICT,
                "container " + containerId + " was detached while it waited to be attached");
    }

    static ProblemException noNamespace(String netns, String why) {
        return new ProblemException(
                "no-network-namespace",
                BAD_REQUEST,
                "%s is not usable as the workload's network namespace: %s".formatted(netns, why),
                Map.of("netns", netns));
    }

    static ProblemException ownNamespace(String netns) {
        return new ProblemException(
                "own-network-namespace",
                BAD_REQUEST,
                "%s is the node's own network namespace; a workload has one of its own".formatted(netns),
                Map.of("netns", netns));
    }

    static ProblemException namespaceVanished(String netns) {
        return new ProblemException(
                "network-namespace-vanished",
                CONFLICT,
                "the network namespace %s went away, or became another one, while the workload was being attached"
                        .formatted(netns),
                Map.of("netns", netns));
    }

    static ProblemException interfaceTaken(AttachRequest request) {
        return new ProblemException(
                "interface-taken",
                CONFLICT,
                "%s already has an interface %s; remove it, or name another"
                        .formatted(request.netns(), request.interfaceName()),
                Map.of("netns", request.netns(), "interface", request.interfaceName()));
    }

    static ProblemException unknown(String containerId) {
        return new ProblemException(
                "endpoint-unknown", NOT_FOUND, "no container '" + containerId + "' is attached on this node");
    }

    static ProblemException busy(AttachRequest request, Duration waited, int others) {
        return new ProblemException(
                "agent-busy",
                SERVICE_UNAVAILABLE,
                "container %s could not be attached within %s: as many workloads as pilus.node.attach-concurrency allows are being attached, and %d more wait; ask again, or raise that"
                        .formatted(request.containerId(), waited, others));
    }

    /**
     * @param done attached or detached
     */
    static ProblemException kernel(String done, String containerId, RuntimeException why) {
        return new ProblemException(
                "kernel-refused",
                SERVICE_UNAVAILABLE,
                "container %s could not be %s: %s; ask again".formatted(containerId, done, why.getMessage()));
    }

    /**
     * @param done attached or detached
     */
    static ProblemException disk(String done, String containerId, Path stateDirectory, UncheckedIOException why) {
        return new ProblemException(
                "state-not-writable",
                SERVICE_UNAVAILABLE,
                "container %s could not be %s: %s; see that %s has room and is writable, and ask again"
                        .formatted(containerId, done, why.getMessage(), stateDirectory));
    }
}

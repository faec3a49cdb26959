package io.pilus.node.endpoint;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;
import static jakarta.ws.rs.core.Response.Status.CONFLICT;
import static jakarta.ws.rs.core.Response.Status.NOT_FOUND;
import static jakarta.ws.rs.core.Response.Status.SERVICE_UNAVAILABLE;

import io.pilus.rest.ProblemException;
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

    static ProblemException noAddress(String pool, String detail) {
        return new ProblemException(
                "no-address", SERVICE_UNAVAILABLE, detail, Map.of("pool", pool, "missing", "address"));
    }

    static ProblemException otherwiseAttached(Attachment attachment, AttachRequest request) {
        return new ProblemException(
                "otherwise-attached",
                CONFLICT,
                "container %s is attached as %s in %s, not as %s in %s; detach it first"
                        .formatted(
                                attachment.containerId(),
                                attachment.interfaceName(),
                                attachment.netns(),
                                request.interfaceName(),
                                request.netns()));
    }

    static ProblemException noNamespace(String netns, String why) {
        return new ProblemException(
                "no-network-namespace",
                BAD_REQUEST,
                "the network namespace %s cannot be entered: %s".formatted(netns, why),
                Map.of("netns", netns));
    }

    static ProblemException ownNamespace(String netns) {
        return new ProblemException(
                "own-network-namespace",
                BAD_REQUEST,
                "%s is the node's own network namespace; a workload has one of its own".formatted(netns),
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

    static ProblemException kernel(AttachRequest request, RuntimeException why) {
        return new ProblemException(
                "kernel-refused",
                SERVICE_UNAVAILABLE,
                "container %s could not be attached, nothing is left of the attempt: %s"
                        .formatted(request.containerId(), why.getMessage()));
    }
}

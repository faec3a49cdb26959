package io.pilus.identity;

import static jakarta.ws.rs.core.Response.Status.BAD_REQUEST;
import static jakarta.ws.rs.core.Response.Status.CONFLICT;
import static jakarta.ws.rs.core.Response.Status.NOT_FOUND;
import static jakarta.ws.rs.core.Response.Status.SERVICE_UNAVAILABLE;

import io.pilus.rest.ProblemException;
import jakarta.ws.rs.core.Response.StatusType;
import java.util.List;
import java.util.Map;

/** The problems of identity-service; docs/reference/problems.md lists them. */
public final class IdentityProblem extends ProblemException {

    private IdentityProblem(String slug, StatusType status, String detail, Map<String, ?> members) {
        super(slug, status, detail, members);
    }

    public static IdentityProblem unknownNamespace(String namespace) {
        return new IdentityProblem(
                "unknown-namespace",
                NOT_FOUND,
                "there is no namespace '%1$s'; create it with PUT /v1/namespaces/%1$s".formatted(namespace),
                Map.of("namespace", namespace));
    }

    public static IdentityProblem unknownNode(String node) {
        return new IdentityProblem(
                "unknown-node",
                NOT_FOUND,
                "there is no node '%1$s'; register it with PUT /v1/nodes/%1$s".formatted(node),
                Map.of("node", node));
    }

    public static IdentityProblem unknownPool(String pool) {
        return new IdentityProblem(
                "unknown-pool",
                NOT_FOUND,
                "there is no address pool '%1$s'; create it at ipam-service with PUT /v1/pools/%1$s, or leave 'pool' out for the default one"
                        .formatted(pool),
                Map.of("pool", pool));
    }

    public static IdentityProblem unknownWorkload(String namespace, String name) {
        return new IdentityProblem(
                "unknown-workload",
                NOT_FOUND,
                "there is no workload '%s' in namespace '%s'".formatted(name, namespace),
                Map.of("namespace", namespace, "name", name));
    }

    public static IdentityProblem unknownIdentity(String id) {
        return new IdentityProblem(
                "unknown-identity", NOT_FOUND, "no label set has the identity %s".formatted(id), Map.of());
    }

    public static IdentityProblem workloadExists(String namespace, String name) {
        return new IdentityProblem(
                "workload-exists",
                CONFLICT,
                "namespace '%2$s' already has a workload '%1$s'; change it with PUT /v1/workloads/%2$s/%1$s, or delete it first"
                        .formatted(name, namespace),
                Map.of("namespace", namespace, "name", name));
    }

    public static IdentityProblem workloadMoved(String namespace, String name, String member, String now) {
        return new IdentityProblem(
                "workload-moved",
                CONFLICT,
                "the %3$s of workload '%1$s' in namespace '%2$s' is '%4$s' and cannot change while it exists; delete it and post it again"
                        .formatted(name, namespace, member, now),
                Map.of(member, now));
    }

    public static IdentityProblem namespaceInUse(String namespace, String workload) {
        return new IdentityProblem(
                "namespace-in-use",
                CONFLICT,
                "namespace '%s' still has workloads, '%s' among them; delete them first".formatted(namespace, workload),
                Map.of("workload", workload));
    }

    /**
     * @param document as its URL ends: kind, namespace, name
     */
    public static IdentityProblem namespaceHasDocuments(String namespace, String document) {
        return new IdentityProblem(
                "namespace-in-use",
                CONFLICT,
                "namespace '%s' still has policies, and they would act again if it came back; delete them at policy-service first (DELETE /v1/documents/%s is one of them)"
                        .formatted(namespace, document),
                Map.of("document", document));
    }

    public static IdentityProblem duplicateAddress(String address, String node) {
        return new IdentityProblem(
                "duplicate-address",
                CONFLICT,
                "%s is already an address of node '%s'; take it from there first".formatted(address, node),
                Map.of("address", address, "node", node));
    }

    /**
     * @param pointer where in the body
     */
    public static IdentityProblem invalid(String pointer, String detail) {
        return new IdentityProblem(
                "invalid",
                BAD_REQUEST,
                "%s: %s".formatted(pointer, detail),
                Map.of("errors", List.of(Map.of("pointer", pointer, "detail", detail))));
    }

    public static IdentityProblem identitiesExhausted(int first, int last) {
        return new IdentityProblem(
                "identities-exhausted",
                SERVICE_UNAVAILABLE,
                ("all numbers from %d to %d have an identity or wait for nodes that have not reported since; delete workloads,"
                                + " or remove nodes that will not come back")
                        .formatted(first, last),
                Map.of());
    }

    public static IdentityProblem storeRestored() {
        return new IdentityProblem(
                "store-restored",
                SERVICE_UNAVAILABLE,
                "the store was restored from a backup, and not every registered node has reported what it has; nothing is numbered"
                        + " before. Repeat the request; GET /v1/alarms says which nodes are waited for",
                Map.of());
    }

    public static IdentityProblem contended(String what) {
        return new IdentityProblem(
                "contended",
                SERVICE_UNAVAILABLE,
                "others were changing %s each time it was tried; nothing was written, repeat the request"
                        .formatted(what),
                Map.of());
    }
}

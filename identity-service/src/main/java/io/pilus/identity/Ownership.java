package io.pilus.identity;

import static jakarta.ws.rs.core.Response.Status.CONFLICT;

import io.pilus.contract.v1.Owner;
import io.pilus.rest.ProblemException;
import java.util.Map;

/** Whoever created an object owns it, and nobody else changes or deletes it: not REST what Kubernetes has, nor the other way round. */
public final class Ownership {

    private Ownership() {}

    /**
     * Refuses the change unless the actor owns the object.
     *
     * @param what the object, for people: {@code namespace 'shop'}
     * @throws ProblemException 409, {@code owned-by-another}
     */
    public static void check(Owner actor, Owner owner, String what) {
        if (actor != owner) {
            throw new ProblemException(
                    "owned-by-another",
                    CONFLICT,
                    "%s is managed by %s; change it there".formatted(what, where(owner)),
                    Map.of("owner", name(owner)));
        }
    }

    /** The owner as clients see it. */
    public static String name(Owner owner) {
        return switch (owner) {
            case OWNER_REST -> "rest";
            case OWNER_KUBERNETES -> "kubernetes";
            case OWNER_UNSPECIFIED, UNRECOGNIZED -> "unknown";
        };
    }

    private static String where(Owner owner) {
        return switch (owner) {
            case OWNER_REST -> "the REST interface of identity-service";
            case OWNER_KUBERNETES -> "Kubernetes";
            case OWNER_UNSPECIFIED, UNRECOGNIZED -> "an owner that this version does not know";
        };
    }
}

package io.pilus.identity;

import io.pilus.contract.Identities;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import java.time.Duration;
import java.util.List;

/** Settings of identity-service; every key starts with {@code pilus.identity}. */
@ConfigMapping(prefix = "pilus.identity")
public interface IdentityConfig {

    /**
     * Labels that name an instance and not what it is: they are no part of an identity, and policy cannot select by them. A key, or
     * the beginning of keys and {@code *}. A change holds for workloads written from then on.
     */
    @WithDefault("pod-template-hash,controller-uid,job-name,batch.kubernetes.io/controller-uid,"
            + "batch.kubernetes.io/job-name,batch.kubernetes.io/job-completion-index,"
            + "statefulset.kubernetes.io/pod-name,apps.kubernetes.io/pod-index,"
            + "controller-revision-hash,pod-template-generation")
    List<String> instanceLabels();

    Numbers numbers();

    Collection collection();

    /** How often a write is tried again when others were first each time. */
    @WithDefault("50")
    @Min(1)
    int attempts();

    /** Which numbers identities get. */
    interface Numbers {

        @WithDefault("" + Identities.FIRST)
        @Min(Identities.FIRST)
        int first();

        @WithDefault("" + Identities.LAST)
        @Max(Identities.LAST)
        int last();

        /** How many numbers a replica reserves at once. */
        @WithDefault("4096")
        @Min(1)
        int range();
    }

    /** When identities that nothing uses are released. */
    interface Collection {

        /** How long an identity has no user before it is set retiring, and again before it is deleted. */
        @WithDefault("PT10S")
        Duration quarantine();

        /** How often the leader looks. */
        @WithDefault("PT2S")
        Duration interval();
    }
}

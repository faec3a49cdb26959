package io.pilus.policy.compile;

import io.pilus.messaging.etcd.EtcdChange;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.enterprise.context.ApplicationScoped;
import org.eclipse.microprofile.reactive.messaging.Incoming;

/** Brings every change of {@code intent/} into memory, on every replica. */
@ApplicationScoped
public class IntentFollower {

    private final IntentState state;

    IntentFollower(IntentState state) {
        this.state = state;
    }

    @Incoming("intent-changes")
    @RunOnVirtualThread
    void apply(EtcdChange change) {
        state.apply(change);
    }
}

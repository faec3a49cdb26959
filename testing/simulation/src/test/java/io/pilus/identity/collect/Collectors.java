package io.pilus.identity.collect;

import io.micrometer.core.instrument.MeterRegistry;
import io.pilus.etcd.EtcdStore;
import io.pilus.identity.IdentityConfig;
import io.pilus.identity.view.ClusterView;
import java.time.Clock;

/** Makes what a simulated replica collects with. */
public final class Collectors {

    private Collectors() {}

    public static Collector collector(
            EtcdStore store, ClusterView view, IdentityConfig config, Clock clock, MeterRegistry registry) {
        return new Collector(store, view, config, clock, registry);
    }
}

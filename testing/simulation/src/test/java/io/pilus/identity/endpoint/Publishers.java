package io.pilus.identity.endpoint;

import io.micrometer.core.instrument.MeterRegistry;
import io.pilus.etcd.EtcdStore;
import io.pilus.identity.alarm.Alarms;
import io.pilus.identity.view.ClusterView;

/** Makes what a simulated replica publishes with. */
public final class Publishers {

    private Publishers() {}

    public static EndpointPublisher publisher(
            EtcdStore store, ClusterView view, Alarms alarms, MeterRegistry registry) {
        return new EndpointPublisher(store, view, alarms, registry);
    }
}

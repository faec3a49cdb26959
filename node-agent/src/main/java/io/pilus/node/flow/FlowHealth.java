package io.pilus.node.flow;

import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/** Not ready while flow events cannot be read: nobody is told then what the node drops. */
@Readiness
@Singleton
class FlowHealth implements HealthCheck {

    private final FlowReader reader;

    FlowHealth(FlowReader reader) {
        this.reader = reader;
    }

    @Override
    public HealthCheckResponse call() {
        var response =
                HealthCheckResponse.named("flow events").status(reader.failure().isEmpty());
        reader.failure().ifPresent(why -> response.withData("reason", why));
        return response.build();
    }
}

package io.pilus.node.report;

import jakarta.inject.Singleton;
import java.util.List;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/** Not ready while this node does not follow the cluster; its kernel goes on by what it knows. */
@Readiness
@Singleton
class StateHealth implements HealthCheck {

    private final StatusReader reader;

    StateHealth(StatusReader reader) {
        this.reader = reader;
    }

    @Override
    public HealthCheckResponse call() {
        List<String> obstacles = reader.obstacles();
        var response = HealthCheckResponse.named("cluster state").status(obstacles.isEmpty());
        if (!obstacles.isEmpty()) {
            response.withData("reason", String.join("; ", obstacles));
        }
        return response.build();
    }
}

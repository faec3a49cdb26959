package io.pilus.policy.publish;

import io.pilus.policy.compile.IntentState;
import jakarta.enterprise.context.ApplicationScoped;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/** Whether this replica knows {@code intent/}, can read all of it, and publishes if it leads. */
@Readiness
@ApplicationScoped
class PublisherHealth implements HealthCheck {

    private final Publisher publisher;
    private final IntentState intent;

    PublisherHealth(Publisher publisher, IntentState intent) {
        this.publisher = publisher;
        this.intent = intent;
    }

    @Override
    public HealthCheckResponse call() {
        String trouble = publisher.trouble();
        var unreadable = intent.unreadable();
        var answer = HealthCheckResponse.named("policy")
                .status(trouble == null && unreadable.isEmpty() && intent.revision() > 0)
                .withData("leads", publisher.leads())
                .withData("revision", intent.revision());
        if (trouble != null) {
            answer.withData("trouble", trouble);
        }
        // not a reason to send requests elsewhere: one of them may mend it
        publisher.tooLarge().forEach(key -> answer.withData("too large " + key, "not published"));
        unreadable.forEach((key, reason) -> answer.withData("unreadable " + key, reason));
        return answer.build();
    }
}

package io.pilus.messaging.etcd;

import io.smallrye.reactive.messaging.health.HealthReport;
import org.jspecify.annotations.Nullable;

/** Whether a channel works. A failure stands until the next success; it is a matter of readiness, never of liveness. */
final class ChannelHealth {

    private final String channel;
    private volatile @Nullable String trouble;

    ChannelHealth(String channel, String initial) {
        this.channel = channel;
        this.trouble = initial;
    }

    void failed(String reason) {
        trouble = reason;
    }

    void works() {
        trouble = null;
    }

    boolean isFailing() {
        return trouble != null;
    }

    void report(HealthReport.HealthReportBuilder report) {
        String reason = trouble;
        if (reason == null) {
            report.add(channel, true);
        } else {
            report.add(channel, false, reason);
        }
    }
}

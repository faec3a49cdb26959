package io.pilus.identity.alarm;

import io.micrometer.core.instrument.MeterRegistry;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** The alarms that stand now. Each replica finds them by itself from what it sees, so every one can answer for them. */
@ApplicationScoped
public class Alarms {

    private static final Logger LOG = Logger.getLogger(Alarms.class);

    private final ConcurrentSkipListMap<String, Alarm> standing = new ConcurrentSkipListMap<>();
    private final Clock clock;
    private final MeterRegistry registry;

    public Alarms(Clock clock, MeterRegistry registry) {
        this.clock = clock;
        this.registry = registry;
        registry.gaugeMapSize("pilus.alarms", List.of(), standing);
    }

    /** Logged and counted when it is new, or has another reason. */
    public void raise(String subject, String reason, String message) {
        Alarm before = standing.get(subject);
        if (before == null || !before.reason().equals(reason)) {
            registry.counter("pilus.alarms.raised", "reason", reason).increment();
            LOG.errorf("alarm: %s: %s: %s", subject, reason, message);
        }
        standing.put(
                subject,
                new Alarm(
                        subject,
                        reason,
                        message,
                        before != null && before.reason().equals(reason) ? before.since() : clock.instant()));
    }

    public void clear(String subject) {
        Alarm before = standing.remove(subject);
        if (before != null) {
            LOG.infof("alarm is over: %s: %s", subject, before.reason());
        }
    }

    /** All of them, ordered by subject. */
    public List<Alarm> standing() {
        return List.copyOf(standing.values());
    }

    /** Ordered by subject, those behind a given one. */
    List<Alarm> list(@Nullable String after, int limit) {
        Map<String, Alarm> behind = after == null ? standing : standing.tailMap(after, false);
        return behind.values().stream().limit(limit).toList();
    }
}

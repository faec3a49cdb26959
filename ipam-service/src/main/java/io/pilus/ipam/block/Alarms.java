package io.pilus.ipam.block;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.pilus.contract.Family;
import io.pilus.etcd.StoreGuard;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** The alarms that stand now. Each replica finds them in its own index, so every one can answer for them. */
@ApplicationScoped
public class Alarms {

    private static final Logger LOG = Logger.getLogger(Alarms.class);

    private static final Duration PERIOD = Duration.ofSeconds(1);
    private static final int NODES_NAMED = 5;

    private record PoolFamily(String pool, Family family) {}

    private final BlockIndex index;
    private final Adoption adoption;
    private final StoreGuard guard;
    private final Clock clock;
    private final MultiGauge missing;
    private volatile NavigableMap<String, Alarm> standing = new TreeMap<>();
    private volatile Map<String, String> pools = Map.of();
    private Instant next = Instant.MIN;

    Alarms(BlockIndex index, Adoption adoption, StoreGuard guard, Clock clock, MeterRegistry registry) {
        this.index = index;
        this.adoption = adoption;
        this.guard = guard;
        this.clock = clock;
        this.missing = MultiGauge.builder("pilus.ipam.addresses.missing")
                .description("Addresses that nodes want and do not get")
                .baseUnit("addresses")
                .register(registry);
        Gauge.builder("pilus.alarms", () -> standing.size())
                .description("Alarms that stand")
                .register(registry);
    }

    /** Looks for what is short, at most once a second. */
    void refresh() {
        Instant now = clock.instant();
        if (now.isBefore(next)) {
            return;
        }
        next = now.plus(PERIOD);
        List<Shortage> shortages = index.shortages();
        NavigableMap<String, Alarm> found = new TreeMap<>();
        Map<String, String> poolOf = new TreeMap<>();
        shortages.stream()
                .filter(shortage -> shortage.cause() == Shortage.Cause.EXHAUSTED)
                .collect(Collectors.groupingBy(shortage -> new PoolFamily(shortage.pool(), shortage.family())))
                .forEach((pool, all) -> add(found, poolOf, pool.pool(), exhausted(pool, all)));
        shortages.stream()
                .filter(shortage -> shortage.cause() == Shortage.Cause.LIMIT)
                .forEach(shortage -> add(found, poolOf, shortage.pool(), limited(shortage)));
        guard.refusal().ifPresent(reason -> add(found, "store", "store-stranger", reason));
        adoption.conflicts().forEach((subject, message) -> add(found, subject, "restore-conflict", message));
        if (adoption.waits()) {
            add(
                    found,
                    "restore",
                    "restore-incomplete",
                    "the store was restored from a backup; no block is granted before every registered node's state is in the store"
                            + " again: the alarms of identity-service say which nodes are waited for");
        }
        NavigableMap<String, Alarm> before = standing;
        found.forEach((subject, alarm) -> {
            if (!before.containsKey(subject)) {
                LOG.errorf("alarm: %s: %s: %s", subject, alarm.reason(), alarm.message());
            }
        });
        before.keySet().stream()
                .filter(subject -> !found.containsKey(subject))
                .forEach(subject -> LOG.infof("alarm is over: %s", subject));
        pools = poolOf;
        standing = found;
        measure(shortages);
    }

    /** Ordered by subject, those behind a given one. */
    List<Alarm> list(@Nullable String after, int limit) {
        return (after == null ? standing : standing.tailMap(after, false))
                .values().stream().limit(limit).toList();
    }

    /** Those about a pool. */
    public List<Alarm> ofPool(String pool) {
        Map<String, String> poolOf = pools;
        return standing.values().stream()
                .filter(alarm -> pool.equals(poolOf.get(alarm.subject())))
                .limit(NODES_NAMED)
                .toList();
    }

    private void add(Map<String, Alarm> found, Map<String, String> poolOf, String pool, Alarm alarm) {
        add(found, alarm.subject(), alarm.reason(), alarm.message());
        poolOf.put(alarm.subject(), pool);
    }

    private void add(Map<String, Alarm> found, String subject, String reason, String message) {
        Alarm before = standing.get(subject);
        found.put(subject, new Alarm(subject, reason, message, before == null ? clock.instant() : before.since()));
    }

    private Alarm exhausted(PoolFamily pool, List<Shortage> shortages) {
        long addresses = shortages.stream().mapToLong(Shortage::missing).sum();
        String nodes = shortages.stream()
                .limit(NODES_NAMED)
                .map(shortage -> "'" + shortage.node() + "'")
                .collect(Collectors.joining(", "));
        return new Alarm(
                "pool %s %s".formatted(pool.pool(), pool.family()),
                "pool-exhausted",
                "pool '%s' has no free %s block left; %d nodes want %d addresses more (%s%s); add a range to the pool (PUT /v1/pools/%s)"
                        .formatted(
                                pool.pool(),
                                pool.family(),
                                shortages.size(),
                                addresses,
                                nodes,
                                shortages.size() > NODES_NAMED ? ", ..." : "",
                                pool.pool()),
                clock.instant());
    }

    private Alarm limited(Shortage shortage) {
        return new Alarm(
                "node %s pool %s %s".formatted(shortage.node(), shortage.pool(), shortage.family()),
                "node-block-limit",
                "node '%s' wants %d more %s addresses of pool '%s' and has as many blocks as a node may have; raise pilus.ipam.blocks-per-node or give the pool larger blocks"
                        .formatted(shortage.node(), shortage.missing(), shortage.family(), shortage.pool()),
                clock.instant());
    }

    private void measure(List<Shortage> shortages) {
        List<MultiGauge.Row<?>> rows = new ArrayList<>();
        shortages.stream()
                .collect(Collectors.groupingBy(
                        shortage -> new PoolFamily(shortage.pool(), shortage.family()),
                        Collectors.summingLong(Shortage::missing)))
                .forEach((pool, sum) -> rows.add(MultiGauge.Row.of(
                        Tags.of("pool", pool.pool(), "family", pool.family().toString()), sum)));
        missing.register(rows, true);
    }
}

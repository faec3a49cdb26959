package io.pilus.messaging.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.kv.GetResponse;
import io.etcd.jetcd.kv.TxnResponse;
import io.etcd.jetcd.op.Cmp;
import io.etcd.jetcd.op.CmpTarget;
import io.etcd.jetcd.op.Op;
import io.etcd.jetcd.options.DeleteOption;
import io.etcd.jetcd.options.GetOption;
import io.etcd.jetcd.options.PutOption;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.pilus.contract.Keys;
import io.pilus.etcd.EtcdCalls;
import io.pilus.etcd.EtcdRefusedException;
import io.pilus.etcd.EtcdUnavailableException;
import io.pilus.etcd.Transaction;
import io.smallrye.reactive.messaging.health.HealthReport;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingDeque;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * One outgoing channel. Writes in the order of the messages, one transaction at a time; what has gathered meanwhile shares the next
 * one, as far as it fits. A message is acknowledged when all that it carries is committed.
 */
final class EtcdOutgoingChannel implements Flow.Subscriber<Message<?>> {

    private static final Logger LOG = Logger.getLogger(EtcdOutgoingChannel.class);

    /** How many messages are taken in before the first of them is answered. */
    private static final int IN_FLIGHT = 256;

    /** How often a channel that cannot write asks etcd whether it is back. */
    private static final Duration PROBE = Duration.ofSeconds(1);

    private final String name;
    private final KV kv;
    private final Duration timeout;
    private final ChannelHealth health;
    private final Counter writes;
    private final Counter transactions;
    private final Counter failures;
    private final Counter refusals;
    private final LinkedBlockingDeque<Unit> queue = new LinkedBlockingDeque<>();
    private volatile Flow.@Nullable Subscription subscription;
    private volatile @Nullable Thread writer;
    private volatile boolean closed;

    /** A message with the writes of it that are still to be made. Used by the writing thread alone. */
    private static final class Pending {
        final Message<?> message;
        int left;
        boolean failed;

        Pending(Message<?> message, int left) {
            this.message = message;
            this.left = left;
        }
    }

    /** What must be written as a whole. */
    private record Unit(Pending owner, EtcdWrite write) {}

    EtcdOutgoingChannel(String name, KV kv, Duration timeout, MeterRegistry registry) {
        this.name = name;
        this.kv = kv;
        this.timeout = timeout;
        this.health = new ChannelHealth(name, "");
        health.works();
        writes = counter(registry, "writes", "Writes committed");
        transactions = counter(registry, "transactions", "Transactions committed");
        failures = counter(registry, "write.failures", "Writes that etcd did not answer");
        refusals = counter(registry, "write.refusals", "Writes whose guards did not hold or that etcd refused");
    }

    void report(HealthReport.HealthReportBuilder report) {
        health.report(report);
    }

    void close() {
        closed = true;
        Flow.Subscription upstream = subscription;
        if (upstream != null) {
            upstream.cancel();
        }
        Thread thread = writer;
        if (thread != null) {
            thread.interrupt();
        }
    }

    @Override
    public void onSubscribe(Flow.Subscription upstream) {
        subscription = upstream;
        writer = Thread.ofVirtual().name("etcd-write-" + name).start(this::write);
        upstream.request(IN_FLIGHT);
    }

    @Override
    public void onNext(Message<?> message) {
        List<EtcdWrite> carried = carried(message.getPayload());
        if (carried == null) {
            answered(
                    message,
                    new IllegalArgumentException("channel " + name + " takes an EtcdWrite or a list of them, not "
                            + message.getPayload().getClass().getName()));
        } else if (carried.isEmpty()) {
            answered(message, null);
        } else {
            var owner = new Pending(message, carried.size());
            carried.forEach(write -> queue.add(new Unit(owner, write)));
        }
    }

    @Override
    public void onError(Throwable failure) {
        LOG.errorf(failure, "channel %s: the source of its messages has failed", name);
        health.failed("the source of its messages has failed: " + failure);
    }

    @Override
    public void onComplete() {
        LOG.debugf("channel %s: no more messages", name);
    }

    private static @Nullable List<EtcdWrite> carried(Object payload) {
        return switch (payload) {
            case EtcdWrite one -> List.of(one);
            case List<?> many
            when many.stream().allMatch(EtcdWrite.class::isInstance) ->
                many.stream().map(EtcdWrite.class::cast).toList();
            default -> null;
        };
    }

    private void write() {
        try {
            while (!closed) {
                Unit first = queue.poll(PROBE.toMillis(), TimeUnit.MILLISECONDS);
                if (first != null) {
                    commit(gather(first));
                } else if (health.isFailing()) {
                    probe();
                }
            }
        } catch (InterruptedException e) {
            LOG.debugf("channel %s ends", name);
        }
    }

    /** The unit and those behind it that fit into the same transaction without a change of meaning. */
    private List<Unit> gather(Unit first) {
        List<Unit> batch = new ArrayList<>();
        Set<String> written = new HashSet<>();
        int operations = 0;
        int guards = 0;
        int bytes = 0;
        for (Unit next = first; next != null; next = queue.poll()) {
            EtcdWrite write = next.write();
            boolean fits = operations + write.operations().size() <= Transaction.MAX_OPERATIONS
                    && guards + write.guards().size() <= Transaction.MAX_OPERATIONS
                    && bytes + size(write) <= Transaction.MAX_BYTES
                    && write.operations().stream().noneMatch(operation -> written.contains(operation.key()))
                    && write.guards().stream().noneMatch(guard -> written.contains(guard.key()));
            if (!fits && !batch.isEmpty()) {
                queue.addFirst(next);
                break;
            }
            batch.add(next);
            operations += write.operations().size();
            guards += write.guards().size();
            bytes += size(write);
            write.operations().forEach(operation -> written.add(operation.key()));
        }
        return batch;
    }

    private void commit(List<Unit> batch) {
        List<Unit> wanted = batch.stream().filter(unit -> !unit.owner().failed).toList();
        if (wanted.isEmpty()) {
            return;
        }
        List<EtcdWrite.Guard> guards =
                wanted.stream().flatMap(unit -> unit.write().guards().stream()).toList();
        try {
            TxnResponse response = EtcdCalls.await(
                    kv.txn()
                            .If(guards.stream()
                                    .map(EtcdOutgoingChannel::condition)
                                    .toArray(Cmp[]::new))
                            .Then(wanted.stream()
                                    .flatMap(unit -> unit.write().operations().stream())
                                    .map(EtcdOutgoingChannel::operation)
                                    .toArray(Op[]::new))
                            .Else(guards.stream()
                                    .map(guard -> Op.get(
                                            bytes(guard.key()),
                                            GetOption.builder()
                                                    .withKeysOnly(true)
                                                    .build()))
                                    .toArray(Op[]::new))
                            .commit(),
                    timeout,
                    "transaction of channel " + name);
            health.works();
            if (response.isSucceeded()) {
                transactions.increment();
                writes.increment(wanted.size());
                wanted.forEach(this::committed);
            } else if (wanted.size() == 1) {
                failed(wanted.getFirst().owner(), new GuardFailedException(reason(guards, response.getGetResponses())));
                refusals.increment();
            } else {
                wanted.forEach(unit -> commit(List.of(unit)));
            }
        } catch (EtcdUnavailableException e) {
            health.failed(String.valueOf(e.getMessage()));
            failures.increment(wanted.size());
            wanted.forEach(unit -> failed(unit.owner(), e));
        } catch (RuntimeException e) {
            if (wanted.size() == 1) {
                failed(wanted.getFirst().owner(), e);
                refusals.increment();
            } else {
                wanted.forEach(unit -> commit(List.of(unit)));
            }
        }
    }

    private void probe() {
        try {
            EtcdCalls.await(kv.get(bytes(Keys.EPOCH.path())), timeout, "get " + Keys.EPOCH);
            health.works();
        } catch (EtcdUnavailableException | EtcdRefusedException e) {
            health.failed(String.valueOf(e.getMessage()));
        }
    }

    private void committed(Unit unit) {
        if (--unit.owner().left == 0) {
            answered(unit.owner().message, null);
        }
    }

    private void failed(Pending owner, RuntimeException reason) {
        if (!owner.failed) {
            owner.failed = true;
            answered(owner.message, reason);
        }
    }

    private void answered(Message<?> message, @Nullable Throwable failure) {
        if (failure == null) {
            message.ack();
        } else {
            message.nack(failure);
        }
        Flow.Subscription upstream = subscription;
        if (upstream != null) {
            upstream.request(1);
        }
    }

    private static String reason(List<EtcdWrite.Guard> guards, List<GetResponse> found) {
        for (int i = 0; i < guards.size(); i++) {
            var key = found.get(i).getKvs().stream().findFirst();
            switch (guards.get(i)) {
                case EtcdWrite.Guard.Absent absent
                when key.isPresent() -> {
                    return absent.key() + " exists, since revision " + key.get().getCreateRevision();
                }
                case EtcdWrite.Guard.Unchanged unchanged
                when key.isEmpty() || key.get().getModRevision() != unchanged.modRevision() -> {
                    return unchanged.key()
                            + key.map(now -> " was written at revision " + now.getModRevision())
                                    .orElse(" was deleted")
                            + ", after revision " + unchanged.modRevision();
                }
                case EtcdWrite.Guard.Created created
                when key.isEmpty() || key.get().getCreateRevision() != created.createRevision() -> {
                    return created.key()
                            + key.map(now -> " was created anew at revision " + now.getCreateRevision())
                                    .orElse(" was deleted")
                            + ", after revision " + created.createRevision();
                }
                case EtcdWrite.Guard.Absent _, EtcdWrite.Guard.Unchanged _, EtcdWrite.Guard.Created _ -> {}
            }
        }
        return "a guard did not hold";
    }

    private static Cmp condition(EtcdWrite.Guard guard) {
        return switch (guard) {
            case EtcdWrite.Guard.Absent(String key) -> new Cmp(bytes(key), Cmp.Op.EQUAL, CmpTarget.version(0));
            case EtcdWrite.Guard.Unchanged(String key, long revision) ->
                new Cmp(bytes(key), Cmp.Op.EQUAL, CmpTarget.modRevision(revision));
            case EtcdWrite.Guard.Created(String key, long revision) ->
                new Cmp(bytes(key), Cmp.Op.EQUAL, CmpTarget.createRevision(revision));
        };
    }

    private static Op operation(EtcdWrite.Operation operation) {
        return switch (operation) {
            case EtcdWrite.Operation.Put(String key, ByteSequence value) ->
                Op.put(bytes(key), value, PutOption.DEFAULT);
            case EtcdWrite.Operation.Delete(String key) -> Op.delete(bytes(key), DeleteOption.DEFAULT);
        };
    }

    private static int size(EtcdWrite write) {
        return write.operations().stream()
                .mapToInt(operation -> switch (operation) {
                    case EtcdWrite.Operation.Put(String key, ByteSequence value) ->
                        bytes(key).size() + value.size();
                    case EtcdWrite.Operation.Delete(String key) -> bytes(key).size();
                })
                .sum();
    }

    private static ByteSequence bytes(String text) {
        return ByteSequence.from(text, UTF_8);
    }

    private Counter counter(MeterRegistry registry, String meter, String description) {
        return Counter.builder("pilus.etcd.channel." + meter)
                .tag("channel", name)
                .description(description)
                .register(registry);
    }
}

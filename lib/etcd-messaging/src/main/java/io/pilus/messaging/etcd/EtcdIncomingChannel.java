package io.pilus.messaging.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.options.OptionsUtil;
import io.grpc.StatusRuntimeException;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.handler.ssl.SslContext;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Epoch;
import io.pilus.etcd.EtcdConfig;
import io.pilus.etcd.StoreGuard;
import io.pilus.etcd.StoreId;
import io.pilus.messaging.etcd.wire.KeyValue;
import io.pilus.messaging.etcd.wire.RangeRequest;
import io.pilus.messaging.etcd.wire.RangeResponse;
import io.pilus.messaging.etcd.wire.RequestOp;
import io.pilus.messaging.etcd.wire.TxnRequest;
import io.pilus.messaging.etcd.wire.TxnResponse;
import io.pilus.messaging.etcd.wire.WatchCreateRequest;
import io.pilus.messaging.etcd.wire.WatchResponse;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.subscription.BackPressureStrategy;
import io.smallrye.mutiny.subscription.MultiEmitter;
import io.smallrye.reactive.messaging.health.HealthReport;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.ThreadLocalRandom;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * One incoming channel. One thread reads: it lists if it must, watches from behind the last revision that it has handed on, and begins
 * again with another member when anything goes wrong. Another thread delivers: one change at a time, the next when the consumer is
 * done. Between them is a {@link ChangeBuffer}.
 */
final class EtcdIncomingChannel {

    private static final Logger LOG = Logger.getLogger(EtcdIncomingChannel.class);

    /** What a page of a listing should weigh. */
    private static final int PAGE_BYTES = 4 << 20;

    private static final int FIRST_PAGE = 100;

    /** How long a full buffer stops the reading before the watch is given up until there is room again. */
    private static final Duration STALL = Duration.ofSeconds(10);

    private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);
    private static final Duration LONGEST_REDELIVERY_PAUSE = Duration.ofSeconds(10);

    private static final int CHANGES = 1;
    private static final int EPOCH = 2;

    /** What happens to a change that its consumer has refused. */
    enum FailureStrategy {
        /** It is delivered again, after a pause, until it succeeds. */
        REDELIVER,
        /** The channel ends. */
        FAIL,
        /** It is logged and skipped. */
        IGNORE
    }

    /** How a channel is set up. */
    record Settings(
            String name,
            String prefix,
            int pageSize,
            long bufferBytes,
            int bufferRevisions,
            FailureStrategy strategy) {}

    /** What tells one store from another, without and with an id of Pilus. */
    private record Identity(long etcdClusterId, @Nullable StoreId store) {}

    /** Another store answers, from which nothing may be taken. */
    private static final class StrangerException extends RuntimeException {
        private static final long serialVersionUID = 1;

        StrangerException(String message) {
            super(message);
        }
    }

    /** The consumer has had no room for too long. */
    private static final class StalledException extends Exception {
        private static final long serialVersionUID = 1;
    }

    private final Settings settings;
    private final EtcdConfig etcd;
    private final Optional<SslContext> tls;
    private final Optional<ResumePoint> resume;
    private final Optional<StoreGuard> guard;
    private final ChannelMetrics metrics;
    private final ChangeBuffer buffer;
    private final ChannelHealth reading;
    private final ChannelHealth consuming;
    private final List<URI> endpoints;
    private final ByteString rangeStart;
    private final ByteString rangeEnd;
    private volatile @Nullable Thread reader;
    private volatile @Nullable Thread deliverer;
    private volatile boolean closed;

    // used by the reading thread alone
    private int member;
    private @Nullable Identity known;
    private long position;
    private boolean relist;
    private boolean cutOff;
    private int tooLarge;
    private Duration pause = FIRST_PAUSE;

    EtcdIncomingChannel(
            Settings settings,
            EtcdConfig etcd,
            Optional<SslContext> tls,
            Optional<ResumePoint> resume,
            Optional<StoreGuard> guard,
            MeterRegistry registry) {
        this.settings = settings;
        this.etcd = etcd;
        this.tls = tls;
        this.resume = resume;
        this.guard = guard;
        this.buffer = new ChangeBuffer(settings.bufferBytes(), settings.bufferRevisions());
        this.metrics = ChannelMetrics.incoming(registry, settings.name(), buffer);
        this.reading = new ChannelHealth(settings.name(), "has not reached etcd yet");
        this.consuming = new ChannelHealth(settings.name(), "");
        consuming.works();
        this.endpoints = etcd.endpoints().stream().map(EtcdConnection::endpoint).toList();
        ByteSequence prefix = ByteSequence.from(settings.prefix(), UTF_8);
        this.rangeStart = ByteString.copyFrom(prefix.getBytes());
        this.rangeEnd = ByteString.copyFrom(OptionsUtil.prefixEndOf(prefix).getBytes());
    }

    Flow.Publisher<? extends Message<?>> stream() {
        return Multi.createFrom().<Message<EtcdChange>>emitter(this::start, BackPressureStrategy.BUFFER);
    }

    void report(HealthReport.HealthReportBuilder report) {
        (consuming.isFailing() ? consuming : reading).report(report);
    }

    void close() {
        closed = true;
        for (Thread thread : new @Nullable Thread[] {reader, deliverer}) {
            if (thread != null) {
                thread.interrupt();
            }
        }
    }

    private void start(MultiEmitter<? super Message<EtcdChange>> emitter) {
        emitter.onTermination(this::close);
        reader = Thread.ofVirtual().name("etcd-read-" + settings.name()).start(this::read);
        deliverer = Thread.ofVirtual().name("etcd-deliver-" + settings.name()).start(() -> deliver(emitter));
    }

    private void read() {
        takePosition();
        try {
            while (!closed) {
                URI endpoint = endpoints.get(member++ % endpoints.size());
                try (var connection = EtcdConnection.open(endpoint, tls, etcd.timeout())) {
                    follow(connection);
                } catch (StalledException e) {
                    metrics.stalled();
                    buffer.awaitDrained();
                } catch (RuntimeException e) {
                    failed(endpoint, e);
                    Thread.sleep(pause.plusMillis(ThreadLocalRandom.current().nextLong(pause.toMillis())));
                    pause = least(pause.multipliedBy(2), LONGEST_PAUSE);
                }
            }
        } catch (InterruptedException e) {
            LOG.debugf("channel %s ends", settings.name());
        }
    }

    private void takePosition() {
        try {
            resume.flatMap(ResumePoint::position).ifPresent(from -> {
                known = new Identity(from.store().etcdClusterId(), from.store());
                position = from.revision();
            });
        } catch (RuntimeException e) {
            LOG.errorf(e, "channel %s begins with a Snapshot: its ResumePoint failed", settings.name());
        }
    }

    private void failed(URI endpoint, RuntimeException e) {
        if (closed) {
            return;
        }
        metrics.failed();
        String reason = endpoint + ": " + e.getMessage();
        if (!cutOff) {
            LOG.warnf("channel %s is cut off: %s", settings.name(), reason);
            cutOff = true;
        }
        reading.failed(reason);
    }

    private void works() {
        if (reading.isFailing()) {
            LOG.infof("channel %s follows %s from revision %d", settings.name(), settings.prefix(), position + 1);
        }
        reading.works();
        cutOff = false;
        pause = FIRST_PAUSE;
    }

    /** Brings the channel up to date by one connection and follows etcd until that breaks. */
    private void follow(EtcdConnection connection) throws InterruptedException, StalledException {
        TxnResponse now =
                connection.txn(TxnRequest.newBuilder().addSuccess(epochRange()).build());
        long epochSeen = now.getHeader().getRevision();
        metrics.seen(epochSeen);
        check(now);
        if (relist || position == 0 || epochSeen < position || !identity(now).equals(known)) {
            epochSeen = list(connection);
        }
        try (WatchStream watch = connection.watch()) {
            watch.create(WatchCreateRequest.newBuilder()
                    .setWatchId(CHANGES)
                    .setKey(rangeStart)
                    .setRangeEnd(rangeEnd)
                    .setStartRevision(position + 1)
                    .setProgressNotify(true)
                    .setFragment(true)
                    .build());
            watch.create(WatchCreateRequest.newBuilder()
                    .setWatchId(EPOCH)
                    .setKey(EtcdConnection.bytes(Keys.EPOCH.path()))
                    .setStartRevision(epochSeen + 1)
                    .build());
            follow(watch);
        } catch (StatusRuntimeException e) {
            // a response that was held until the watch was announced comes in one piece; three times is no chance
            relist = EtcdConnection.isTooLarge(e) && ++tooLarge >= 3;
            throw e;
        }
    }

    private void follow(WatchStream watch) throws InterruptedException, StalledException {
        var revisions = new Revisions(position);
        int created = 0;
        while (!closed) {
            WatchResponse response = watch.next(etcd.timeout());
            if (response == null) {
                if (created < 2) {
                    throw new IllegalStateException("etcd did not begin the watch within " + etcd.timeout());
                }
                continue;
            }
            metrics.seen(response.getHeader().getRevision());
            if (response.getCompactRevision() != 0 && response.getWatchId() == CHANGES) {
                LOG.infof(
                        "channel %s lists again: etcd has compacted revision %d, up to %d",
                        settings.name(), position + 1, response.getCompactRevision());
                relist = true;
                return;
            }
            if (response.getCanceled()) {
                throw new IllegalStateException("etcd ended the watch: " + response.getCancelReason());
            }
            if (response.getCreated()) {
                if (++created == 2) {
                    works();
                }
            } else if (response.getWatchId() == EPOCH) {
                LOG.infof("channel %s: the store's epoch has changed", settings.name());
                return;
            } else if (response.getEventsCount() == 0) {
                if (revisions.isWhole()) {
                    position = Math.max(position, response.getHeader().getRevision());
                }
            } else {
                tooLarge = 0;
                for (EtcdChange.Revision revision : revisions.add(response)) {
                    handOn(revision, STALL);
                }
            }
        }
    }

    private void handOn(EtcdChange change, Duration wait) throws InterruptedException, StalledException {
        if (!buffer.put(change, wait)) {
            throw new StalledException();
        }
        position = change.revision();
    }

    /** Hands on a Snapshot; the revision of it. */
    private long list(EtcdConnection connection) throws InterruptedException, StalledException {
        List<EtcdChange.Entry> entries = new ArrayList<>();
        int limit = Math.min(settings.pageSize(), FIRST_PAGE);
        TxnResponse first = null;
        RangeResponse page = null;
        while (page == null || page.getMore()) {
            RangeRequest request = RangeRequest.newBuilder()
                    .setKey(page == null ? rangeStart : behind(page))
                    .setRangeEnd(rangeEnd)
                    .setLimit(limit)
                    .setRevision(first == null ? 0 : first.getHeader().getRevision())
                    .build();
            try {
                if (first == null) {
                    TxnResponse both = connection.txn(TxnRequest.newBuilder()
                            .addSuccess(epochRange())
                            .addSuccess(RequestOp.newBuilder().setRange(request))
                            .build());
                    check(both);
                    first = both;
                    page = both.getResponses(1).getRange();
                } else {
                    page = connection.range(request);
                }
            } catch (StatusRuntimeException e) {
                if (!EtcdConnection.isTooLarge(e) || limit == 1) {
                    throw e;
                }
                limit = Math.max(1, limit / 2);
                continue;
            }
            limit = nextLimit(page, limit);
            for (KeyValue found : page.getKvsList()) {
                entries.add(new EtcdChange.Entry(
                        found.getKey().toString(UTF_8), ByteSequence.from(found.getValue()), found.getModRevision()));
            }
        }
        if (first == null) {
            throw new IllegalStateException("etcd answered without a page");
        }
        Identity identity = identity(first);
        long revision = first.getHeader().getRevision();
        metrics.listed();
        handOn(new EtcdChange.Snapshot(entries, revision, identity.store()), Duration.ofDays(1));
        known = identity;
        relist = false;
        tooLarge = 0;
        return revision;
    }

    private int nextLimit(RangeResponse page, int limit) {
        if (page.getKvsCount() == 0) {
            return limit;
        }
        int average = Math.max(1, page.getSerializedSize() / page.getKvsCount());
        return Math.clamp(PAGE_BYTES / average, 1, settings.pageSize());
    }

    private static ByteString behind(RangeResponse page) {
        return page.getKvs(page.getKvsCount() - 1).getKey().concat(ByteString.copyFrom(new byte[1]));
    }

    private static RequestOp epochRange() {
        return RequestOp.newBuilder()
                .setRange(RangeRequest.newBuilder().setKey(EtcdConnection.bytes(Keys.EPOCH.path())))
                .build();
    }

    private void check(TxnResponse answer) {
        if (guard.isPresent()) {
            List<KeyValue> found = answer.getResponses(0).getRange().getKvsList();
            guard.get()
                    .check(
                            identity(answer).store(),
                            found.isEmpty()
                                    ? null
                                    : ByteSequence.from(found.getFirst().getValue()),
                            answer.getHeader().getRevision(),
                            position)
                    .ifPresent(reason -> {
                        throw new StrangerException(reason);
                    });
        }
    }

    private static Identity identity(TxnResponse answer) {
        long etcdClusterId = answer.getHeader().getClusterId();
        List<KeyValue> found = answer.getResponses(0).getRange().getKvsList();
        if (found.isEmpty()) {
            return new Identity(etcdClusterId, null);
        }
        try {
            Epoch epoch = Epoch.parseFrom(found.getFirst().getValue());
            return new Identity(etcdClusterId, new StoreId(epoch.getClusterId(), epoch.getRestores(), etcdClusterId));
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("the value of " + Keys.EPOCH + " is not readable", e);
        }
    }

    private void deliver(MultiEmitter<? super Message<EtcdChange>> emitter) {
        try {
            while (!closed) {
                ChangeBuffer.Held held = buffer.take();
                Duration wait = Duration.ofMillis(100);
                while (!closed && !accepted(emitter, held.change())) {
                    Thread.sleep(wait);
                    wait = least(wait.multipliedBy(2), LONGEST_REDELIVERY_PAUSE);
                }
                buffer.release(held);
            }
        } catch (InterruptedException e) {
            LOG.debugf("channel %s ends", settings.name());
        }
    }

    /** Whether the consumer is done with the change; false when it is to be delivered again. */
    private boolean accepted(MultiEmitter<? super Message<EtcdChange>> emitter, EtcdChange change)
            throws InterruptedException {
        var done = new CompletableFuture<@Nullable Void>();
        emitter.emit(Message.of(
                change,
                () -> {
                    done.complete(null);
                    return CompletableFuture.completedFuture(null);
                },
                reason -> {
                    done.completeExceptionally(reason);
                    return CompletableFuture.completedFuture(null);
                }));
        try {
            done.get();
            consuming.works();
            metrics.delivered(change);
            return true;
        } catch (ExecutionException e) {
            Throwable reason = e.getCause() == null ? e : e.getCause();
            metrics.refused();
            LOG.errorf(reason, "channel %s: the consumer failed on revision %d", settings.name(), change.revision());
            return switch (settings.strategy()) {
                case REDELIVER -> {
                    consuming.failed("the consumer failed on revision " + change.revision() + ": " + reason);
                    yield false;
                }
                case FAIL -> {
                    consuming.failed("ended: the consumer failed on revision " + change.revision() + ": " + reason);
                    emitter.fail(reason);
                    yield true;
                }
                case IGNORE -> true;
            };
        }
    }

    private static Duration least(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }
}

package io.pilus.messaging.etcd;

import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.pilus.messaging.etcd.wire.WatchCreateRequest;
import io.pilus.messaging.etcd.wire.WatchRequest;
import io.pilus.messaging.etcd.wire.WatchResponse;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A watch call read by a blocking thread. It asks etcd for the next response only when one is taken: what is not read stays there. */
final class WatchStream implements AutoCloseable {

    private sealed interface Signal {
        record Response(WatchResponse value) implements Signal {}

        record End(StatusRuntimeException reason) implements Signal {}
    }

    private final ClientCall<WatchRequest, WatchResponse> call;
    private final BlockingQueue<Signal> signals = new LinkedBlockingQueue<>();

    WatchStream(ClientCall<WatchRequest, WatchResponse> call) {
        this.call = call;
        call.start(
                new ClientCall.Listener<>() {
                    @Override
                    public void onMessage(WatchResponse message) {
                        signals.add(new Signal.Response(message));
                    }

                    @Override
                    public void onClose(Status status, Metadata trailers) {
                        signals.add(new Signal.End(
                                (status.isOk() ? Status.UNAVAILABLE.withDescription("etcd ended the watch") : status)
                                        .asRuntimeException()));
                    }
                },
                new Metadata());
        call.request(2);
    }

    void create(WatchCreateRequest request) {
        call.sendMessage(WatchRequest.newBuilder().setCreate(request).build());
    }

    /**
     * The next response, or null when none came in that time.
     *
     * @throws StatusRuntimeException when the call has ended
     */
    @Nullable
    WatchResponse next(Duration wait) throws InterruptedException {
        return switch (signals.poll(wait.toMillis(), TimeUnit.MILLISECONDS)) {
            case null -> null;
            case Signal.Response(WatchResponse response) -> {
                call.request(1);
                yield response;
            }
            case Signal.End end -> {
                signals.add(end);
                throw end.reason();
            }
        };
    }

    @Override
    public void close() {
        call.cancel("no longer needed", null);
    }
}

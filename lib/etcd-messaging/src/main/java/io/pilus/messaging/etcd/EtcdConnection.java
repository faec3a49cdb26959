package io.pilus.messaging.etcd;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NegotiationType;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.netty.channel.ChannelOption;
import io.netty.handler.ssl.SslContext;
import io.pilus.messaging.etcd.wire.RangeRequest;
import io.pilus.messaging.etcd.wire.RangeResponse;
import io.pilus.messaging.etcd.wire.TxnRequest;
import io.pilus.messaging.etcd.wire.TxnResponse;
import io.pilus.messaging.etcd.wire.WatchRequest;
import io.pilus.messaging.etcd.wire.WatchResponse;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * One connection to one member. A channel has its own, below jetcd: jetcd's watch resumes by itself from the wrong revision, and on a
 * shared connection a slow consumer would hold up the others. A member without a leader refuses instead of serving old state.
 */
final class EtcdConnection implements AutoCloseable {

    /** Above a page of a listing and above what etcd sends at once to a watch that lags behind. */
    static final int MAX_INBOUND_BYTES = 64 << 20;

    private static final MethodDescriptor<RangeRequest, RangeResponse> RANGE = method(
            "etcdserverpb.KV/Range",
            MethodDescriptor.MethodType.UNARY,
            RangeRequest.getDefaultInstance(),
            RangeResponse.getDefaultInstance());
    private static final MethodDescriptor<TxnRequest, TxnResponse> TXN = method(
            "etcdserverpb.KV/Txn",
            MethodDescriptor.MethodType.UNARY,
            TxnRequest.getDefaultInstance(),
            TxnResponse.getDefaultInstance());
    private static final MethodDescriptor<WatchRequest, WatchResponse> WATCH = method(
            "etcdserverpb.Watch/Watch",
            MethodDescriptor.MethodType.BIDI_STREAMING,
            WatchRequest.getDefaultInstance(),
            WatchResponse.getDefaultInstance());

    private final ManagedChannel channel;
    private final Duration timeout;

    private EtcdConnection(ManagedChannel channel, Duration timeout) {
        this.channel = channel;
        this.timeout = timeout;
    }

    /**
     * Reads a client URL.
     *
     * @throws IllegalArgumentException when it has no host or port
     */
    static URI endpoint(String url) {
        URI uri = URI.create(url);
        if (uri.getHost() == null || uri.getPort() < 0) {
            throw new IllegalArgumentException("pilus.etcd.endpoints: '" + url
                    + "' has no host or port; write, for example, http://10.0.0.1:2379");
        }
        return uri;
    }

    /**
     * Names the member; connects with the first call.
     *
     * @param endpoint its client URL
     * @param timeout of each call but the watch
     */
    static EtcdConnection open(URI endpoint, Optional<SslContext> tls, Duration timeout) {
        var leader = new Metadata();
        leader.put(Metadata.Key.of("hasleader", Metadata.ASCII_STRING_MARSHALLER), "true");
        NettyChannelBuilder builder = NettyChannelBuilder.forAddress(endpoint.getHost(), endpoint.getPort())
                .withOption(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) timeout.toMillis())
                .maxInboundMessageSize(MAX_INBOUND_BYTES)
                .keepAliveTime(10, TimeUnit.SECONDS)
                .keepAliveTimeout(5, TimeUnit.SECONDS)
                .disableRetry()
                .directExecutor()
                .intercept(MetadataUtils.newAttachHeadersInterceptor(leader));
        if (tls.isPresent()) {
            builder.negotiationType(NegotiationType.TLS).sslContext(tls.get());
        } else {
            builder.negotiationType(NegotiationType.PLAINTEXT);
        }
        return new EtcdConnection(builder.build(), timeout);
    }

    /**
     * @throws StatusRuntimeException see {@link #isTooLarge} and {@link #isCompacted}
     */
    RangeResponse range(RangeRequest request) {
        return ClientCalls.blockingUnaryCall(channel, RANGE, deadline(), request);
    }

    TxnResponse txn(TxnRequest request) {
        return ClientCalls.blockingUnaryCall(channel, TXN, deadline(), request);
    }

    WatchStream watch() {
        return new WatchStream(channel.newCall(WATCH, CallOptions.DEFAULT));
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }

    /** Whether an answer was larger than {@link #MAX_INBOUND_BYTES}. */
    static boolean isTooLarge(StatusRuntimeException e) {
        return e.getStatus().getCode() == Status.Code.RESOURCE_EXHAUSTED
                && String.valueOf(e.getStatus().getDescription()).contains("exceeds maximum size");
    }

    /** Whether history was asked for that etcd does not keep any more. */
    static boolean isCompacted(StatusRuntimeException e) {
        return e.getStatus().getCode() == Status.Code.OUT_OF_RANGE
                && String.valueOf(e.getStatus().getDescription()).contains("compacted");
    }

    static ByteString bytes(String text) {
        return ByteString.copyFrom(text, UTF_8);
    }

    private CallOptions deadline() {
        return CallOptions.DEFAULT.withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static <Q extends Message, A extends Message> MethodDescriptor<Q, A> method(
            String name, MethodDescriptor.MethodType type, Q request, A answer) {
        return MethodDescriptor.<Q, A>newBuilder()
                .setFullMethodName(name)
                .setType(type)
                .setRequestMarshaller(ProtoUtils.marshaller(request))
                .setResponseMarshaller(ProtoUtils.marshaller(answer))
                .build();
    }
}

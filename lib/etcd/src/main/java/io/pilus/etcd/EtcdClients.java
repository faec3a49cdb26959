package io.pilus.etcd;

import io.etcd.jetcd.Client;
import io.etcd.jetcd.ClientBuilder;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.MethodDescriptor;
import io.grpc.netty.GrpcSslContexts;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import java.io.File;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;

/** The one client of a process. */
@ApplicationScoped
public class EtcdClients {

    /** Above the largest page of a listing. */
    private static final int MAX_INBOUND_BYTES = 64 << 20;

    @Produces
    @ApplicationScoped
    Client client(EtcdConfig config) throws SSLException {
        return open(config);
    }

    void close(@Disposes Client client) {
        client.close();
    }

    /**
     * A client of the etcd that the settings name. Each call has the deadline of {@link EtcdConfig#timeout}: jetcd holds calls
     * back while there is no connection, and a write must not leave long after its caller has given up. Keep leases alive with
     * {@link Leadership} or {@link LeasedKey}: the deadline also ends jetcd's own keep-alive stream.
     */
    public static Client open(EtcdConfig config) throws SSLException {
        ClientBuilder builder = Client.builder()
                .endpoints(config.endpoints().toArray(String[]::new))
                .connectTimeout(config.timeout())
                .keepaliveTime(Duration.ofSeconds(10))
                .keepaliveTimeout(Duration.ofSeconds(5))
                .keepaliveWithoutCalls(false)
                .retryMaxDuration(config.timeout())
                .maxInboundMessageSize(MAX_INBOUND_BYTES)
                .interceptor(new Deadline(config.timeout()));
        tls(config).ifPresent(builder::sslContext);
        return builder.build();
    }

    /** What encrypts a connection to etcd, when the settings ask for it. */
    public static Optional<SslContext> tls(EtcdConfig config) throws SSLException {
        if (config.caFile().isEmpty()) {
            return Optional.empty();
        }
        SslContextBuilder ssl = GrpcSslContexts.forClient()
                .trustManager(new File(config.caFile().get()));
        if (config.certFile().isPresent() && config.keyFile().isPresent()) {
            ssl.keyManager(
                    new File(config.certFile().get()), new File(config.keyFile().get()));
        }
        return Optional.of(ssl.build());
    }

    /** Watches are the only calls without an end. */
    private record Deadline(Duration timeout) implements ClientInterceptor {
        @Override
        public <Q, A> ClientCall<Q, A> interceptCall(MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
            boolean endless = "etcdserverpb.Watch/Watch".equals(method.getFullMethodName());
            return next.newCall(
                    method,
                    endless || options.getDeadline() != null
                            ? options
                            : options.withDeadlineAfter(timeout.toMillis(), TimeUnit.MILLISECONDS));
        }
    }
}

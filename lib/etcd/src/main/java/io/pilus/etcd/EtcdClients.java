package io.pilus.etcd;

import io.etcd.jetcd.Client;
import io.etcd.jetcd.ClientBuilder;
import io.grpc.netty.GrpcSslContexts;
import io.netty.handler.ssl.SslContextBuilder;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import java.io.File;
import java.time.Duration;
import javax.net.ssl.SSLException;

/** The one client of a process. */
@ApplicationScoped
public class EtcdClients {

    /** Above the largest page of a listing and a long catch-up of a watch. */
    private static final int MAX_INBOUND_BYTES = 64 << 20;

    @Produces
    @ApplicationScoped
    Client client(EtcdConfig config) throws SSLException {
        return open(config);
    }

    void close(@Disposes Client client) {
        client.close();
    }

    /** A client of the etcd that the settings name. */
    public static Client open(EtcdConfig config) throws SSLException {
        ClientBuilder builder = Client.builder()
                .endpoints(config.endpoints().toArray(String[]::new))
                .connectTimeout(config.timeout())
                .keepaliveTime(Duration.ofSeconds(10))
                .keepaliveTimeout(Duration.ofSeconds(5))
                .keepaliveWithoutCalls(false)
                .retryMaxDuration(config.timeout())
                .maxInboundMessageSize(MAX_INBOUND_BYTES);
        if (config.caFile().isPresent()) {
            SslContextBuilder ssl = GrpcSslContexts.forClient()
                    .trustManager(new File(config.caFile().get()));
            if (config.certFile().isPresent() && config.keyFile().isPresent()) {
                ssl.keyManager(
                        new File(config.certFile().get()),
                        new File(config.keyFile().get()));
            }
            builder.sslContext(ssl.build());
        }
        return builder.build();
    }
}

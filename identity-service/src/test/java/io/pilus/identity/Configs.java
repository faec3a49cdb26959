package io.pilus.identity;

import io.etcd.jetcd.Client;
import io.pilus.etcd.EtcdClients;
import io.pilus.etcd.EtcdConfig;
import io.pilus.testing.etcd.EtcdProcess;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;
import javax.net.ssl.SSLException;

/** Settings and clients for tests that run without Quarkus. */
public final class Configs {

    private Configs() {}

    public static IdentityConfig identity(Map<String, String> settings) {
        return map(IdentityConfig.class, settings);
    }

    public static EtcdConfig etcd(EtcdProcess etcd) {
        return map(EtcdConfig.class, Map.of("pilus.etcd.endpoints", String.join(",", etcd.endpoints())));
    }

    public static Client client(EtcdProcess etcd) {
        try {
            return EtcdClients.open(etcd(etcd));
        } catch (SSLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static <T> T map(Class<T> type, Map<String, String> settings) {
        return new SmallRyeConfigBuilder()
                .withMapping(type)
                .addDefaultInterceptors()
                .withDefaultValues(settings)
                .build()
                .getConfigMapping(type);
    }
}

package io.pilus.etcd;

import io.etcd.jetcd.Client;
import io.pilus.testing.etcd.EtcdProcess;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLException;

/** A client of a real etcd. */
record EtcdFixture(Client client, EtcdStore store, EpochStore epochs) implements AutoCloseable {

    static final Duration TIMEOUT = Duration.ofSeconds(5);

    static EtcdFixture connect(EtcdProcess etcd) {
        EtcdConfig config = new Settings(etcd.endpoints());
        try {
            Client client = EtcdClients.open(config);
            EtcdStore store = new EtcdStore(client, config);
            return new EtcdFixture(client, store, new EpochStore(client, store, config));
        } catch (SSLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        client.close();
    }

    private record Settings(List<String> endpoints) implements EtcdConfig {
        @Override
        public Duration timeout() {
            return TIMEOUT;
        }

        @Override
        public Optional<String> caFile() {
            return Optional.empty();
        }

        @Override
        public Optional<String> certFile() {
            return Optional.empty();
        }

        @Override
        public Optional<String> keyFile() {
            return Optional.empty();
        }
    }
}

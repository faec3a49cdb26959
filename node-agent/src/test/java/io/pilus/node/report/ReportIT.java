package io.pilus.node.report;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Attached;
import io.pilus.etcd.EtcdStore;
import io.pilus.node.state.Entry;
import io.pilus.node.testing.AgentSettings;
import io.pilus.testing.etcd.EtcdServer;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

@QuarkusTest
@QuarkusTestResource(EtcdServer.class)
@QuarkusTestResource(AgentSettings.class)
class ReportIT {

    private final Key<Attached> key =
            Keys.attached("elsewhere", UUID.randomUUID().toString());

    @Inject
    EtcdStore store;

    @Test
    void aKeyOfWhichTheViewHasSeenNothingYetIsWrittenDeletedAndWrittenAgain() {
        var report = new Report(store);

        assertThat(report.put(key, Optional.empty(), attached("first"))).isPresent();
        assertThat(report.put(key, Optional.empty(), attached("second"))).isPresent();
        assertThat(report.delete(key, Optional.empty())).isPresent();
        assertThat(report.put(key, Optional.empty(), attached("third"))).isPresent();

        assertThat(store.get(key))
                .hasValueSatisfying(now -> assertThat(now.value()).isEqualTo(attached("third")));
    }

    @Test
    void aKeyThatTheViewStillShowsIsWrittenAgainAfterItsDeletion() {
        var report = new Report(store);
        long written = report.put(key, Optional.empty(), attached("first")).orElseThrow();
        Optional<Entry> seen = Optional.of(new Entry(key.path(), ByteString.EMPTY, written));
        report.seen(written);
        assertThat(report.delete(key, seen)).isPresent();

        assertThat(report.put(key, seen, attached("second"))).isPresent();
    }

    @Test
    void aKeyThatSomebodyElseHasDeletedIsWrittenAtTheSecondAttempt() {
        var report = new Report(store);
        long written = report.put(key, Optional.empty(), attached("first")).orElseThrow();
        Optional<Entry> seen = Optional.of(new Entry(key.path(), ByteString.EMPTY, written));
        assertThat(store.transaction().delete(key).commit().succeeded()).isTrue();

        assertThat(report.put(key, seen, attached("second"))).isEmpty();
        assertThat(report.put(key, seen, attached("second"))).isPresent();
    }

    private static Attached attached(String container) {
        return Attached.newBuilder().setContainerId(container).build();
    }
}

package io.pilus.policy.enforcement;

import static org.assertj.core.api.Assertions.assertThat;

import io.etcd.jetcd.ByteSequence;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Compiled;
import io.pilus.messaging.etcd.EtcdChange;
import java.time.Clock;
import java.util.List;
import org.junit.jupiter.api.Test;

class NodeStatesTest {

    private final NodeStates states = new NodeStates(Clock.systemUTC());

    @Test
    void aRevisionIsCompiledByTheFirstThatCoversIt() {
        states.compiled(new EtcdChange.Snapshot(List.of(compiled(7, 9)), 10, null));
        states.compiled(new EtcdChange.Snapshot(List.of(compiled(12, 14)), 15, null));

        assertThat(states.compiledAt(8)).hasValue(14);
        assertThat(states.compiledAt(13)).isEmpty();
    }

    private static EtcdChange.Entry compiled(long intentRevision, long revision) {
        return new EtcdChange.Entry(
                Keys.COMPILED.path(),
                ByteSequence.from(Compiled.newBuilder()
                        .setRevision(intentRevision)
                        .build()
                        .toByteArray()),
                revision);
    }
}

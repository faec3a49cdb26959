package io.pilus.messaging.etcd;

import io.etcd.jetcd.ByteSequence;
import java.util.List;

/**
 * What an outgoing channel takes: writes that etcd makes whole or not at all, if the guards hold. At most 128 operations, 128 guards
 * and 1 MiB; no key twice.
 */
public record EtcdWrite(List<Guard> guards, List<Operation> operations) {

    public EtcdWrite {
        guards = List.copyOf(guards);
        operations = List.copyOf(operations);
    }

    /** Writes without conditions: for keys that nobody else writes. */
    public static EtcdWrite of(Operation... operations) {
        return new EtcdWrite(List.of(), List.of(operations));
    }

    /** What is done to one key. */
    public sealed interface Operation {

        String key();

        /** Writes it. */
        record Put(String key, ByteSequence value) implements Operation {}

        /** Deletes it, if it is there. */
        record Delete(String key) implements Operation {}
    }

    /** What must be true of one key. */
    public sealed interface Guard {

        String key();

        /** It does not exist. */
        record Absent(String key) implements Guard {}

        /** It was last written at this revision. */
        record Unchanged(String key, long modRevision) implements Guard {}

        /** It was created at this revision and has not been deleted since: a leader's term lasts. */
        record Created(String key, long createRevision) implements Guard {}
    }
}

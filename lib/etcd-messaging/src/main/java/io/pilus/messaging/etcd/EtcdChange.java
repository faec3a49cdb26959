package io.pilus.messaging.etcd;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.etcd.jetcd.ByteSequence;
import io.pilus.etcd.StoreId;
import io.pilus.etcd.UnreadableValueException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an incoming channel delivers, in order and one at a time: a {@link Snapshot} first, unless it resumes; then each
 * {@link Revision} that touches the prefix, once; a Snapshot again where history is lost or the store is another.
 */
public sealed interface EtcdChange {

    /** The store's revision that this brings its consumer to. */
    long revision();

    /**
     * Everything under the prefix. A key that is missing here is gone, if the store is the one that the consumer knows.
     *
     * @param store null when the store has not been given an id, or the key {@code epoch} was lost
     */
    record Snapshot(
            List<Entry> entries, long revision, @Nullable StoreId store) implements EtcdChange {
        public Snapshot {
            entries = List.copyOf(entries);
        }
    }

    /** All that one revision put and deleted under the prefix, in etcd's order; each key at most once. */
    record Revision(List<Event> events, long revision) implements EtcdChange {
        public Revision {
            events = List.copyOf(events);
        }
    }

    /** A key that exists. */
    record Entry(String key, ByteSequence value, long modRevision) {

        /**
         * The value as the message that it holds.
         *
         * @throws UnreadableValueException when it is none
         */
        public <M extends MessageLite> M parse(Parser<M> parser) {
            return EtcdChange.parse(key, value, parser);
        }
    }

    /** What became of one key. */
    sealed interface Event {

        String key();

        /** The key was written. */
        record Put(String key, ByteSequence value, long modRevision) implements Event {

            /**
             * The value as the message that it holds.
             *
             * @throws UnreadableValueException when it is none
             */
            public <M extends MessageLite> M parse(Parser<M> parser) {
                return EtcdChange.parse(key, value, parser);
            }
        }

        /** The key was deleted, or its lease ended. */
        record Deleted(String key) implements Event {}
    }

    private static <M extends MessageLite> M parse(String key, ByteSequence value, Parser<M> parser) {
        try {
            return parser.parseFrom(value.getBytes());
        } catch (InvalidProtocolBufferException e) {
            throw new UnreadableValueException(key, e);
        }
    }
}

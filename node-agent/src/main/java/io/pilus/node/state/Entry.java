package io.pilus.node.state;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.pilus.etcd.UnreadableValueException;

/**
 * A key as the store had it. The value stays encoded: an agent needs a fraction of what it must keep, and a field that
 * it does not know yet must outlive a restart.
 *
 * @param modRevision the revision that wrote the value
 */
public record Entry(String key, ByteString value, long modRevision) {

    /**
     * The value.
     *
     * @throws UnreadableValueException when it is not that message
     */
    public <M extends MessageLite> M read(Parser<M> parser) {
        try {
            return parser.parseFrom(value);
        } catch (InvalidProtocolBufferException e) {
            throw new UnreadableValueException(key, e);
        }
    }
}

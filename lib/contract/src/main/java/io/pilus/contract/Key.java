package io.pilus.contract;

import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;

/**
 * One key in etcd and the message its value holds.
 *
 * @param path the whole key, prefix included
 */
public record Key<M extends MessageLite>(String path, Parser<M> parser) {

    @Override
    public String toString() {
        return path;
    }
}

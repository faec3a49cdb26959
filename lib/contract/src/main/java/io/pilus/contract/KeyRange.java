package io.pilus.contract;

import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;

/**
 * All keys with one prefix that hold one kind of message.
 *
 * @param prefix ends with a slash
 */
public record KeyRange<M extends MessageLite>(String prefix, Parser<M> parser) {

    /** Whether the key lies in this range. */
    public boolean contains(String path) {
        return path.startsWith(prefix);
    }

    /** Where the keys behind this range begin. */
    public String end() {
        return prefix.substring(0, prefix.length() - 1) + (char) ('/' + 1);
    }

    /** The parts of the key behind the prefix. */
    public String[] parts(String path) {
        return path.substring(prefix.length()).split("/", -1);
    }

    /** A key of this range. */
    public Key<M> key(String path) {
        if (!contains(path)) {
            throw new IllegalArgumentException("'" + path + "' does not begin with '" + prefix + "'");
        }
        return new Key<>(path, parser);
    }

    @Override
    public String toString() {
        return prefix;
    }
}

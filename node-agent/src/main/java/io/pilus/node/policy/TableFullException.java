package io.pilus.node.policy;

/** Something that the datapath reads has no room for a change. What was there before still is. */
final class TableFullException extends RuntimeException {
    TableFullException(String message) {
        super(message);
    }

    TableFullException(String message, Throwable cause) {
        super(message, cause);
    }
}

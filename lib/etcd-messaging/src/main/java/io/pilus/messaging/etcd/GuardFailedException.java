package io.pilus.messaging.etcd;

/** A guard of a write did not hold, so nothing was written: read again and decide anew. */
public class GuardFailedException extends RuntimeException {
    GuardFailedException(String message) {
        super(message);
    }
}

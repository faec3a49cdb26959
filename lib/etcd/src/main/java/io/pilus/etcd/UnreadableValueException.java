package io.pilus.etcd;

/** A value in etcd is not the message that its key says. */
public class UnreadableValueException extends RuntimeException {
    public UnreadableValueException(String key, Throwable cause) {
        super("the value of " + key + " is not readable: " + cause.getMessage(), cause);
    }
}

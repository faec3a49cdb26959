package io.pilus.etcd;

/** The revision that was asked for is no longer kept: begin again at the newest. */
public class RevisionCompactedException extends EtcdRefusedException {
    public RevisionCompactedException(String message, Throwable cause) {
        super(message, cause);
    }
}

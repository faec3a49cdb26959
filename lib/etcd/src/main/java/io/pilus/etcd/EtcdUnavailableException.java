package io.pilus.etcd;

/** etcd did not answer in time, or refused for a reason that passes (no leader, overload). Whether a write took place is unknown. */
public class EtcdUnavailableException extends RuntimeException {
    public EtcdUnavailableException(String message, Throwable cause) {
        super(message, cause);
    }
}

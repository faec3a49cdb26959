package io.pilus.etcd;

/** etcd refused a request that will not do better the next time: too large, a key twice, no permission. Nothing was written. */
public class EtcdRefusedException extends RuntimeException {
    public EtcdRefusedException(String message, Throwable cause) {
        super(message, cause);
    }
}

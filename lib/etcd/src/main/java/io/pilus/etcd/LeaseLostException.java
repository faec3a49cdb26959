package io.pilus.etcd;

/** etcd no longer knows the lease: it expired, was revoked, or the store is another. The keys that hung on it are gone. */
class LeaseLostException extends EtcdRefusedException {
    LeaseLostException(String message, Throwable cause) {
        super(message, cause);
    }
}

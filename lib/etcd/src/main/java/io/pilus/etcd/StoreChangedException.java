package io.pilus.etcd;

/** Another store answers than the one that this process works with: nothing was written, or it is not known whether it was. */
public final class StoreChangedException extends EtcdUnavailableException {
    public StoreChangedException(String message) {
        super(message, null);
    }
}

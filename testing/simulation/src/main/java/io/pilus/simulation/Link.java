package io.pilus.simulation;

import io.etcd.jetcd.common.exception.EtcdException;

/** What lies between one process and the store. A failure before the store has acted leaves nothing; one after it leaves the outcome unknown. */
public interface Link {

    /** Passes everything on at once. */
    Link DIRECT = new Link() {
        @Override
        public void request() {}

        @Override
        public void answer() {}
    };

    /**
     * Called when a request leaves; may let others go first.
     *
     * @throws EtcdException when the request does not arrive
     */
    void request();

    /**
     * Called when the store has acted; may let others go first.
     *
     * @throws EtcdException when the answer does not arrive
     */
    void answer();
}

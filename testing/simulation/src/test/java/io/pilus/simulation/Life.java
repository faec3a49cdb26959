package io.pilus.simulation;

import io.etcd.jetcd.common.exception.ErrorCode;
import io.etcd.jetcd.common.exception.EtcdExceptionFactory;
import io.pilus.etcd.EtcdStore;
import java.util.Random;

/**
 * One life of a process, which reaches the store unless it is cut off, and loses a request or an answer now and then. What a killed one still
 * does changes nothing: none of its calls arrives.
 */
class Life implements Link {

    final EtcdStore store;

    /** Whether calls fail now and then. */
    private final Random random;

    private final boolean[] calm;

    boolean cut;
    private boolean killed;

    /**
     * @param calm whether the network loses nothing
     */
    Life(SimulatedEtcd etcd, Random random, boolean[] calm) {
        this.random = random;
        this.calm = calm;
        this.store = new EtcdStore(etcd.client(this), Settings.NONE);
    }

    final void kill() {
        killed = true;
    }

    final boolean isKilled() {
        return killed;
    }

    @Override
    public void request() {
        Schedule.pause();
        if (!calm[0] && random.nextInt(16) == 0) {
            // a slow request
            Schedule.pause();
            Schedule.pause();
        }
        if (isOut() || (!calm[0] && random.nextInt(200) == 0)) {
            throw EtcdExceptionFactory.newEtcdException(ErrorCode.UNAVAILABLE, "the request is lost");
        }
    }

    @Override
    public void answer() {
        if (calm[0]) {
            return;
        }
        int fate = random.nextInt(200);
        if (fate < 25) {
            Schedule.pause();
        }
        if (isOut() || fate == 0) {
            throw EtcdExceptionFactory.newEtcdException(ErrorCode.UNAVAILABLE, "the answer is lost");
        }
    }

    private boolean isOut() {
        return killed || cut;
    }
}

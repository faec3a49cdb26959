package io.pilus.etcd;

import io.etcd.jetcd.common.exception.ErrorCode;
import io.etcd.jetcd.common.exception.EtcdException;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** etcd did not answer in time, or refused for a reason that passes (no leader, overload). Whether a write took place is unknown. */
public class EtcdUnavailableException extends RuntimeException {
    public EtcdUnavailableException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /** Whether etcd did not answer at all; else it answered that it cannot serve. */
    public boolean isSilence() {
        return getCause() instanceof TimeoutException
                || (getCause() instanceof EtcdException answer && answer.getErrorCode() == ErrorCode.DEADLINE_EXCEEDED);
    }
}
